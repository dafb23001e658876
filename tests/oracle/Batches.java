import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.MutableRecordBatch;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/** Reads OURS and writes what it holds to OURS.java; writes random batches to THEIRS, and their text to THEIRS.java. The
 *  text is that of oracle_batches. */
public class Batches {
    static final int BATCHES = 200;

    static String text(ByteBuffer bytes) {
        if (bytes == null)
            return " null";
        CRC32C crc = new CRC32C();
        crc.update(bytes.duplicate());
        return String.format(" %d:%08x", bytes.remaining(), crc.getValue());
    }

    static void print(PrintStream out, MemoryRecords records) {
        for (MutableRecordBatch batch : records.batches()) {
            batch.ensureValid();
            out.printf("batch %d %d %s %d %d %d %d %d %d\n", batch.baseOffset(), batch.lastOffset(),
                batch.compressionType().name, batch.producerId(), batch.producerEpoch(), batch.baseSequence(),
                batch.isTransactional() ? 1 : 0, batch.maxTimestamp(), batch.countOrNull());
            for (Record record : batch) {
                record.ensureValid();
                StringBuilder line = new StringBuilder("record " + record.offset() + " " + record.timestamp());
                line.append(text(record.key())).append(text(record.value()));
                for (Header header : record.headers()) {
                    line.append(text(ByteBuffer.wrap(header.key().getBytes(StandardCharsets.UTF_8))));
                    line.append(text(header.value() == null ? null : ByteBuffer.wrap(header.value())));
                }
                out.print(line.append('\n'));
            }
        }
    }

    static byte[] someBytes(Random random, int most) {
        int choice = random.nextInt(20);
        if (choice == 0)
            return null;
        byte[] bytes = new byte[random.nextInt(choice == 1 ? most : most / 50 + 1)];
        if (random.nextBoolean())
            random.nextBytes(bytes);
        else
            for (int i = 0; i < bytes.length; i++)
                bytes[i] = (byte) "offset, partition and leader epoch; ".charAt((i + i / 97) % 36);
        return bytes;
    }

    static ByteBuffer randomBatch(Random random) {
        CompressionType type = CompressionType.values()[random.nextInt(CompressionType.values().length)];
        boolean producer = random.nextBoolean();
        long base = random.nextInt(Integer.MAX_VALUE);
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 16), RecordBatch.MAGIC_VALUE_V2,
            Compression.of(type).build(), TimestampType.CREATE_TIME, base, 0, producer ? random.nextInt(1 << 30) : -1,
            (short) (producer ? random.nextInt(100) : -1), producer ? random.nextInt(1 << 30) : -1, producer, 3);
        for (int count = 1 + random.nextInt(100); count > 0; count--) {
            Header[] headers = new Header[random.nextInt(5) == 0 ? random.nextInt(5) : 0];
            for (int i = 0; i < headers.length; i++)
                headers[i] = new RecordHeader(i % 2 == 0 ? "trace-id" : "", someBytes(random, 500));
            builder.append(1_700_000_000_000L + random.nextInt(100000), someBytes(random, 1000),
                someBytes(random, 100000), headers);
        }
        return builder.build().buffer();
    }

    public static void main(String[] arguments) throws IOException {
        Path ours = Path.of(arguments[0]), theirs = Path.of(arguments[1]);
        try (PrintStream out = new PrintStream(ours + ".java")) {
            print(out, MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(ours))));
        }
        Random random = new Random(Long.parseLong(arguments[2]));
        try (PrintStream out = new PrintStream(theirs + ".java"); var file = Files.newByteChannel(theirs,
                 java.nio.file.StandardOpenOption.CREATE, java.nio.file.StandardOpenOption.WRITE)) {
            for (int i = 0; i < BATCHES; i++) {
                ByteBuffer batch = randomBatch(random);
                print(out, MemoryRecords.readableRecords(batch.duplicate()));
                file.write(batch);
            }
        }
    }
}
