#include "histogram.h"

const uint32_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    int bucket = 0;
    while (bucket < HISTOGRAM_BOUNDS && ns > (uint64_t)histogram_bounds_us[bucket] * 1000)
        bucket++;
    histogram->counts[bucket]++;
    histogram->sum += ns;
}
