import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** A member of a consumer group, as members.py wants it. */
public class Member {
    private static final ObjectMapper json = new ObjectMapper();

    private static void say(ObjectNode line) {
        System.out.println(line);
        System.out.flush();
    }

    private static Set<TopicPartition> said = Set.of();

    private static void sayAssigned(Set<TopicPartition> assignment) {
        said = Set.copyOf(assignment);
        ObjectNode line = json.createObjectNode();
        ArrayNode partitions = line.putArray("assigned");
        assignment.forEach(partition -> partitions.add(partition.partition()));
        say(line);
    }

    private static boolean isToldToLeave() throws IOException {
        return System.in.available() > 0;
    }

    public static void main(String[] arguments) throws IOException {
        JsonNode told = json.readTree(arguments[0]);
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", told.get("bootstrap").asText());
        config.put("group.id", told.get("group").asText());
        config.put("auto.offset.reset", "earliest");
        config.put("enable.auto.commit", "false");
        if (told.hasNonNull("instance"))
            config.put("group.instance.id", told.get("instance").asText());
        if (!"consumer".equals(told.get("config").path("group.protocol").asText())) {
            config.put("session.timeout.ms", told.get("session").asText());
            config.put("heartbeat.interval.ms", told.get("heartbeat").asText());
        }
        told.get("config").properties().forEach(entry -> config.put(entry.getKey(), entry.getValue().asText()));

        KafkaConsumer<String, String> consumer =
            new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
        ConsumerRebalanceListener listener = new ConsumerRebalanceListener() {
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            }

            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                sayAssigned(consumer.assignment());
            }
        };
        String topic = told.get("topic").asText();
        if (topic.startsWith("^") && "consumer".equals(config.get("group.protocol")))
            consumer.subscribe(new SubscriptionPattern(topic), listener);
        else if (topic.startsWith("^"))
            consumer.subscribe(Pattern.compile(topic), listener);
        else
            consumer.subscribe(List.of(topic), listener);

        boolean hasRead = false;
        while (!isToldToLeave()) {
            ObjectNode line = json.createObjectNode();
            ArrayNode values = line.putArray("values");
            for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(50)))
                values.add(record.value());
            if (!values.isEmpty())
                say(line);
            hasRead |= !values.isEmpty();
            if (!consumer.assignment().equals(said))
                sayAssigned(consumer.assignment());
        }
        if (hasRead)
            consumer.commitSync();
        consumer.close();
    }
}
