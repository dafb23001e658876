import java.io.File;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.Random;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.OutOfOrderSequenceException;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.BatchMetadata;
import org.apache.kafka.storage.internals.log.OffsetIndex;
import org.apache.kafka.storage.internals.log.ProducerAppendInfo;
import org.apache.kafka.storage.internals.log.ProducerStateEntry;
import org.apache.kafka.storage.internals.log.ProducerStateManager;
import org.apache.kafka.storage.internals.log.ProducerStateManagerConfig;
import org.apache.kafka.storage.internals.log.TimeIndex;

/** Makes the files beside it with Apache Kafka's own classes; README.md says how. */
public final class Vectors {
    private static final long T0 = 1_700_000_000_000L;
    private static final Random random = new Random(20261121);

    public static void main(String[] arguments) throws Exception {
        Path work = Files.createTempDirectory("vectors");
        producers(work);
        indexes(work);
    }

    private static RecordBatch batch(long pid, short epoch, int sequence, int count, long offset, boolean transactional) {
        SimpleRecord[] records = new SimpleRecord[count];
        for (int i = 0; i < count; i++)
            records[i] = new SimpleRecord(T0 + offset + i, "v".getBytes());
        MemoryRecords made = transactional
            ? MemoryRecords.withTransactionalRecords(RecordBatch.CURRENT_MAGIC_VALUE, offset, Compression.NONE, pid, epoch, sequence, 0, records)
            : MemoryRecords.withIdempotentRecords(RecordBatch.CURRENT_MAGIC_VALUE, offset, Compression.NONE, pid, epoch, sequence, 0, records);
        return made.batches().iterator().next();
    }

    /** What UnifiedLog does with a client's batch: duplicates first, then ProducerAppendInfo. */
    private static String append(ProducerStateManager manager, RecordBatch batch) {
        Optional<ProducerStateEntry> last = manager.lastEntry(batch.producerId());
        if (last.isPresent() && last.get().producerEpoch() == batch.producerEpoch()) {
            for (BatchMetadata known : last.get().batchMetadata()) {
                if (known.firstSeq() == batch.baseSequence() && known.lastSeq() == batch.lastSequence())
                    return "duplicate " + known.firstOffset();
            }
        }
        ProducerAppendInfo info = manager.prepareUpdate(batch.producerId(), AppendOrigin.CLIENT);
        try {
            info.append(batch, Optional.empty());
        } catch (OutOfOrderSequenceException e) {
            return "order -1";
        } catch (InvalidProducerEpochException e) {
            return "stale -1";
        }
        manager.update(info);
        manager.updateMapEndOffset(batch.lastOffset() + 1);
        return "ok " + batch.baseOffset();
    }

    private static String end(ProducerStateManager manager, long pid, short epoch, int coordinatorEpoch, long offset) {
        ProducerAppendInfo info = manager.prepareUpdate(pid, AppendOrigin.COORDINATOR);
        try {
            var done = info.appendEndTxnMarker(new EndTransactionMarker(ControlRecordType.COMMIT, coordinatorEpoch), epoch, offset,
                T0 + offset, (short) 0);
            manager.update(info);
            done.ifPresent(manager::completeTxn);
        } catch (InvalidProducerEpochException e) {
            return "stale -1";
        }
        manager.updateMapEndOffset(offset + 1);
        return "ok " + offset;
    }

    private static void producers(Path work) throws Exception {
        ProducerStateManager manager = new ProducerStateManager(new TopicPartition("orders", 0), work.toFile(), 60_000,
            new ProducerStateManagerConfig(86_400_000, false), Time.SYSTEM);
        final int ids = 12;
        int[] next = new int[ids], marker = new int[ids];
        short[] epochs = new short[ids];
        for (int i = 0; i < ids; i++)
            next[i] = i % 3 == 0 ? Integer.MAX_VALUE - 20 : 0;
        int[][] sent = new int[ids][16]; // sequence and count of some earlier batches
        long offset = 0;
        try (PrintWriter out = new PrintWriter("producers.txt")) {
            for (int line = 0; line < 1500; line++) {
                int i = random.nextInt(ids);
                long pid = 1000 + i;
                boolean open = manager.lastEntry(pid).map(e -> e.currentTxnFirstOffset().isPresent()).orElse(false);
                boolean known = manager.lastEntry(pid).isPresent();
                int dice = random.nextInt(100);
                if (i >= 8 && known && dice < 20) {
                    short epoch = (short) Math.max(0, epochs[i] + (dice < 2 ? -1 : dice < 4 ? 1 : 0));
                    String verdict = end(manager, pid, epoch, marker[i], offset);
                    if (verdict.startsWith("ok")) {
                        if (epoch != epochs[i])
                            next[i] = 0;
                        epochs[i] = epoch;
                        offset++;
                    }
                    out.println("m " + pid + " " + epoch + " " + marker[i]++ + " 1 0 " + verdict + " " + manager.firstUndecidedOffset().orElse(-1));
                    continue;
                }
                boolean transactional = open || (i >= 8 && random.nextBoolean());
                short epoch = epochs[i];
                int sequence = next[i], count = 1 + random.nextInt(5);
                if (dice < 30) {
                    int old = random.nextInt(8);
                    sequence = sent[i][2 * old];
                    count = Math.max(1, sent[i][2 * old + 1]);
                } else if (dice < 36) {
                    sequence += random.nextInt(5) - 2;
                } else if (dice < 40) {
                    epoch++;
                    sequence = random.nextInt(3) == 0 ? sequence : 0;
                } else if (dice < 43) {
                    epoch = (short) Math.max(0, epoch - 1);
                }
                sequence = Math.max(0, sequence);
                String verdict = append(manager, batch(pid, epoch, sequence, count, offset, transactional));
                out.println("b " + pid + " " + epoch + " " + sequence + " " + count + " " + (transactional ? 1 : 0) + " " + verdict + " "
                    + manager.firstUndecidedOffset().orElse(-1));
                if (verdict.startsWith("ok")) {
                    offset += count;
                    epochs[i] = epoch;
                    next[i] = (int) (((long) sequence + count) & Integer.MAX_VALUE);
                    System.arraycopy(sent[i], 0, sent[i], 2, 14);
                    sent[i][0] = sequence;
                    sent[i][1] = count;
                }
            }
        }
        File file = manager.takeSnapshot(true).orElseThrow();
        Files.copy(file.toPath(), Path.of("producers.snapshot"), StandardCopyOption.REPLACE_EXISTING);
    }

    /** As in a segment with base offset 5000000000: preallocated (a zero tail), then trimmed. */
    private static void indexes(Path work) throws Exception {
        final long base = 5_000_000_000L;
        OffsetIndex offsets = new OffsetIndex(work.resolve("a.index").toFile(), base, 1024);
        TimeIndex times = new TimeIndex(work.resolve("a.timeindex").toFile(), base, 1200);
        for (int i = 0; i < 40; i++) {
            offsets.append(base + 7L * i + 3, 5000 * i + 4200);
            times.maybeAppend(T0 + 11L * i, base + 7L * i + 3);
        }
        offsets.flush();
        times.flush();
        Files.copy(work.resolve("a.index"), Path.of("zero-tail.index"), StandardCopyOption.REPLACE_EXISTING);
        Files.copy(work.resolve("a.timeindex"), Path.of("zero-tail.timeindex"), StandardCopyOption.REPLACE_EXISTING);
        offsets.trimToValidSize();
        times.trimToValidSize();
        offsets.close();
        times.close();
        Files.copy(work.resolve("a.index"), Path.of("trimmed.index"), StandardCopyOption.REPLACE_EXISTING);
        Files.copy(work.resolve("a.timeindex"), Path.of("trimmed.timeindex"), StandardCopyOption.REPLACE_EXISTING);
    }
}
