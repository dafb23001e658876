import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;

/** Writes kafka-clients-CODEC.bin to the working directory: see README. Needs kafka-clients and its codecs. */
public class KafkaClients {
    static final long BASE = 1_700_000_000_000L;

    static byte[] bytes(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) throws IOException {
        Header[] none = {};
        Header[] three = {new RecordHeader("a", bytes("1")), new RecordHeader("", null),
            new RecordHeader("a", new byte[] {0, (byte) 0xff})};
        byte[] pattern = new byte[3000];
        for (int i = 0; i < pattern.length; i++)
            pattern[i] = (byte) (i % 251);
        for (CompressionType type : CompressionType.values()) {
            MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(1 << 16), RecordBatch.MAGIC_VALUE_V2,
                Compression.of(type).build(), TimestampType.CREATE_TIME, 0, BASE, 4242, (short) 7, 100, true,
                RecordBatch.NO_PARTITION_LEADER_EPOCH);
            builder.append(BASE, bytes("key-0"), bytes("value-0"), none);
            builder.append(BASE + 1000, null, bytes("only a value"), none);
            builder.append(BASE + 2000, bytes("tombstone"), null, none);
            builder.append(BASE + 3000, bytes(""), bytes(""), none);
            builder.append(BASE + 4000, bytes("headers"), bytes("v"), three);
            builder.append(BASE - 500, bytes("back"), bytes("in time"), none);
            builder.append(BASE + 5000, bytes("long"), pattern, none);
            try (FileChannel file = FileChannel.open(Path.of("kafka-clients-" + type.name + ".bin"),
                     StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
                file.write(builder.build().buffer());
            }
        }
    }
}
