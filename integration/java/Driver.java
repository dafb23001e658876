import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Apache Kafka's own client, told by JSON lines on stdin what to do; it answers each with a line on stdout. The commands
 * are the methods of clients/driver.py. Bytes are base64. */
public class Driver {
    private static final ObjectMapper json = new ObjectMapper();
    private static final BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    private static KafkaConsumer<byte[], byte[]> tail;

    public static void main(String[] arguments) throws IOException {
        PrintStream out = System.out;
        System.setOut(System.err);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            ObjectNode answer = json.createObjectNode();
            try {
                answer.set("result", perform(json.readTree(line)));
            } catch (Exception error) {
                Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
                Errors known = Errors.forException(cause);
                boolean local = known == Errors.UNKNOWN_SERVER_ERROR;
                answer.put("error", local ? cause.getClass().getSimpleName() : known.name());
                answer.put("detail", cause.toString());
            }
            out.println(answer);
            out.flush();
        }
    }

    private static JsonNode perform(JsonNode command) throws Exception {
        switch (command.get("op").asText()) {
            case "create": return create(command);
            case "produce": return produce(command);
            case "count": return count(command);
            case "transact": return transact(command);
            case "consume":
                try (KafkaConsumer<byte[], byte[]> consumer = consumer(command)) {
                    return take(consumer, command);
                }
            case "tail":
                tail = consumer(command);
                tail.position(partition(command));
                return null;
            case "take": return take(tail, command);
            case "untail":
                tail.close();
                return null;
            default: throw new IllegalArgumentException(command.toString());
        }
    }

    private static TopicPartition partition(JsonNode command) {
        return new TopicPartition(command.get("topic").asText(), command.get("partition").asInt());
    }

    private static JsonNode create(JsonNode command) throws Exception {
        Map<String, String> config = new HashMap<>();
        command.get("config").properties().forEach(entry -> config.put(entry.getKey(), entry.getValue().asText()));
        NewTopic topic = new NewTopic(command.get("topic").asText(), command.get("partitions").asInt(), (short) 1);
        topic.configs(config);
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", command.get("bootstrap").asText()))) {
            admin.createTopics(List.of(topic)).all().get();
        }
        return null;
    }

    private static KafkaProducer<byte[], byte[]> producer(JsonNode command, int blockMs) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", command.get("bootstrap").asText());
        config.put("compression.type", command.get("codec").asText());
        config.put("acks", command.get("acks").asText());
        config.put("enable.idempotence", command.get("idempotent").asBoolean());
        config.put("max.in.flight.requests.per.connection", command.get("idempotent").asBoolean() ? 5 : 1);
        config.put("max.request.size", 8 << 20);
        config.put("linger.ms", 5);
        config.put("max.block.ms", blockMs);
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    private static JsonNode produce(JsonNode command) throws Exception {
        String topic = command.get("topic").asText();
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        ArrayNode offsets = json.createArrayNode();
        try (KafkaProducer<byte[], byte[]> producer = producer(command, 3000)) {
            for (JsonNode record : command.get("records")) {
                RecordHeaders headers = new RecordHeaders();
                for (JsonNode header : record.get("headers"))
                    headers.add(header.get("name").asText(), bytes(header.get("value")));
                Long timestamp = record.get("timestamp").isNull() ? null : record.get("timestamp").asLong();
                int partition = record.get("partition").asInt();
                byte[] key = bytes(record.get("key")), value = bytes(record.get("value"));
                sent.add(producer.send(new ProducerRecord<>(topic, partition, timestamp, key, value, headers)));
            }
            for (Future<RecordMetadata> future : sent)
                offsets.add(future.get().offset());
        }
        return offsets;
    }

    /** Writes the numbers 0, 1, … to partition 0, however often the server goes away, until a line on stdin says that it
     * is enough. Answers with the acknowledged ones: [number, offset] each. */
    private static JsonNode count(JsonNode command) throws Exception {
        String topic = command.get("topic").asText();
        ArrayNode acknowledged = json.createArrayNode();
        Semaphore window = new Semaphore(200);
        try (KafkaProducer<byte[], byte[]> producer = producer(command, 60000)) {
            for (long number = 0; !in.ready(); number++) {
                long sent = number;
                window.acquire();
                byte[] value = Long.toString(number).getBytes();
                producer.send(new ProducerRecord<>(topic, 0, null, value), (metadata, error) -> {
                    if (error == null)
                        acknowledged.addArray().add(sent).add(metadata.offset());
                    window.release();
                });
            }
            in.readLine();
            producer.flush();
        }
        return acknowledged;
    }

    /** One producer with a transactional id, one transaction after the other: {"values": [[partition, text], …],
     * "offsets": {partition: offset} or null, "commit": …} each. */
    private static JsonNode transact(JsonNode command) throws Exception {
        String topic = command.get("topic").asText(), group = command.get("group").asText();
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", command.get("bootstrap").asText());
        config.put("transactional.id", command.get("id").asText());
        config.put("linger.ms", 5);
        config.put("max.block.ms", 20000);
        try (KafkaProducer<byte[], byte[]> producer =
                 new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer())) {
            producer.initTransactions();
            for (JsonNode transaction : command.get("transactions")) {
                producer.beginTransaction();
                for (JsonNode pair : transaction.get("values"))
                    producer.send(new ProducerRecord<>(topic, pair.get(0).asInt(), null, pair.get(1).asText().getBytes()));
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                transaction.get("offsets").properties().forEach(
                    entry -> offsets.put(new TopicPartition(topic, Integer.parseInt(entry.getKey())),
                                         new OffsetAndMetadata(entry.getValue().asLong())));
                if (!offsets.isEmpty())
                    producer.sendOffsetsToTransaction(offsets, new ConsumerGroupMetadata(group));
                producer.flush(); /* an abort drops what was not sent */
                if (transaction.get("commit").asBoolean())
                    producer.commitTransaction();
                else
                    producer.abortTransaction();
            }
        }
        return null;
    }

    private static KafkaConsumer<byte[], byte[]> consumer(JsonNode command) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", command.get("bootstrap").asText());
        config.put("auto.offset.reset", "none");
        config.put("default.api.timeout.ms", 5000);
        config.put("isolation.level", command.path("committed").asBoolean() ? "read_committed" : "read_uncommitted");
        KafkaConsumer<byte[], byte[]> consumer =
            new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        TopicPartition partition = partition(command);
        List<TopicPartition> partitions = List.of(partition);
        consumer.assign(partitions);
        switch (command.get("start").asText()) {
            case "beginning": consumer.seekToBeginning(partitions); break;
            case "end": consumer.seekToEnd(partitions); break;
            case "offset": consumer.seek(partition, command.get("at").asLong()); break;
            default:
                Map<TopicPartition, Long> time = Map.of(partition, command.get("at").asLong());
                OffsetAndTimestamp found = consumer.offsetsForTimes(time).get(partition);
                if (found == null)
                    consumer.seekToEnd(partitions);
                else
                    consumer.seek(partition, found.offset());
        }
        return consumer;
    }

    private static JsonNode take(KafkaConsumer<byte[], byte[]> consumer, JsonNode command) throws Exception {
        ArrayNode records = json.createArrayNode();
        long deadline = System.nanoTime() + (long) (command.get("seconds").asDouble() * 1e9);
        while (records.size() < command.get("count").asInt()) {
            if (System.nanoTime() > deadline)
                throw new java.util.concurrent.TimeoutException("only " + records.size() + " records");
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                ObjectNode read = records.addObject();
                read.put("partition", record.partition()).put("offset", record.offset());
                read.put("timestamp", record.timestamp());
                read.put("key", record.key()).put("value", record.value());
                ArrayNode headers = read.putArray("headers");
                for (Header header : record.headers())
                    headers.addObject().put("name", header.key()).put("value", header.value());
            }
        }
        return records;
    }

    private static byte[] bytes(JsonNode node) throws IOException {
        return node.isNull() ? null : node.binaryValue();
    }
}
