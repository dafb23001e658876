import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.GroupSpec;
import org.apache.kafka.coordinator.group.api.assignor.MemberAssignment;
import org.apache.kafka.coordinator.group.api.assignor.MemberSubscription;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.MemberAssignmentImpl;

/** Reads what oracle_assignors wrote. Range must be as Kafka's. Uniform must not be less even, must keep as much where
 *  all subscriptions are the same, and no less than Kafka over all where they are not. */
public class Assignors {
    record Member(String id, Optional<String> instanceId, Set<Uuid> subscribedTopicIds, Map<Uuid, Set<Integer>> partitions)
        implements MemberSubscription, MemberAssignment {
        public Optional<String> rackId() {
            return Optional.empty();
        }
    }

    static final class Group implements GroupSpec, SubscribedTopicDescriber {
        final Map<Uuid, Integer> topics = new HashMap<>();
        final Map<String, Member> members = new HashMap<>();
        final List<String> order = new ArrayList<>();

        public Collection<String> memberIds() {
            return members.keySet();
        }

        public SubscriptionType subscriptionType() {
            return members.values().stream().map(Member::subscribedTopicIds).distinct().count() <= 1
                ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS;
        }

        public boolean isPartitionAssigned(Uuid topic, int partition) {
            return members.values().stream().anyMatch(m -> m.partitions.getOrDefault(topic, Set.of()).contains(partition));
        }

        public boolean isPartitionAssignable(Uuid topic, int partition) {
            return true;
        }

        public MemberSubscription memberSubscription(String member) {
            return members.get(member);
        }

        public MemberAssignment memberAssignment(String member) {
            return new MemberAssignmentImpl(Collections.unmodifiableMap(members.get(member).partitions));
        }

        public int numPartitions(Uuid topic) {
            return topics.getOrDefault(topic, -1);
        }

        public Set<String> racksForPartition(Uuid topic, int partition) {
            return Set.of();
        }

        /** Of what a member owns and Kafka would have forgotten, nothing is said. */
        void add(String[] words) {
            Map<Uuid, Set<Integer>> owned = new HashMap<>();
            Set<Uuid> subscribed = new HashSet<>();
            for (int i = 3; i < words.length; i += words[i].equals("o") ? 3 : 2) {
                Uuid topic = Uuid.fromString(words[i + 1]);
                if (words[i].equals("t"))
                    subscribed.add(topic);
                else if (Integer.parseInt(words[i + 2]) < topics.getOrDefault(topic, 0))
                    owned.computeIfAbsent(topic, t -> new HashSet<>()).add(Integer.parseInt(words[i + 2]));
            }
            Optional<String> instance = words[2].equals("-") ? Optional.empty() : Optional.of(words[2]);
            members.put(words[1], new Member(words[1], instance, subscribed, owned));
            order.add(words[1]);
        }

        Map<String, Map<Uuid, Set<Integer>>> assign(ConsumerGroupPartitionAssignor assignor) {
            Map<String, Map<Uuid, Set<Integer>>> result = new HashMap<>();
            if (!topics.isEmpty())
                assignor.assign(this, this).members().forEach((member, assignment) ->
                    assignment.partitions().forEach((topic, partitions) -> {
                        if (!partitions.isEmpty())
                            result.computeIfAbsent(member, m -> new HashMap<>()).put(topic, new HashSet<>(partitions));
                    }));
            return result;
        }

        long kept(Map<String, Map<Uuid, Set<Integer>>> assignment) {
            long kept = 0;
            for (var ofMember : assignment.entrySet())
                for (var ofTopic : ofMember.getValue().entrySet())
                    kept += ofTopic.getValue().stream()
                        .filter(members.get(ofMember.getKey()).partitions.getOrDefault(ofTopic.getKey(), Set.of())::contains).count();
            return kept;
        }
    }

    static long unevenness(Map<String, Map<Uuid, Set<Integer>>> assignment) {
        return assignment.values().stream().mapToLong(m -> m.values().stream().mapToLong(Set::size).sum()).map(n -> n * n).sum();
    }

    static int passed, failed;
    static long kept, kafkaKept, moreEven;

    static void check(boolean holds, String what) {
        if (holds) {
            passed++;
        } else if (failed++ < 10) {
            System.out.println(what);
        }
    }

    static void compare(Group group, Map<String, Map<String, Map<Uuid, Set<Integer>>>> ours) {
        var ranges = group.assign(new RangeAssignor());
        check(ranges.equals(ours.get("range")), "range: " + ours.get("range") + ", not " + ranges);

        var uniform = ours.get("uniform");
        var kafkas = group.assign(new UniformAssignor());
        check(unevenness(uniform) <= unevenness(kafkas), "less even: " + uniform + " than " + kafkas);
        if (unevenness(uniform) < unevenness(kafkas)) {
            moreEven++;
        } else if (group.subscriptionType() == SubscriptionType.HOMOGENEOUS) {
            check(group.kept(uniform) >= group.kept(kafkas), "keeps less: " + uniform + " than " + kafkas);
        } else {
            kept += group.kept(uniform);
            kafkaKept += group.kept(kafkas);
        }
    }

    public static void main(String[] arguments) throws Exception {
        Group group = null;
        Map<String, Map<String, Map<Uuid, Set<Integer>>>> ours = null;
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] words = line.split(" ");
            switch (words[0]) {
                case "group" -> {
                    group = new Group();
                    ours = new HashMap<>(Map.of("range", new HashMap<>(), "uniform", new HashMap<>()));
                }
                case "topic" -> group.topics.put(Uuid.fromString(words[1]), Integer.parseInt(words[2]));
                case "member" -> group.add(words);
                case "end" -> compare(group, ours);
                default -> {
                    for (int i = 2; i < words.length; i += 2)
                        ours.get(words[0]).computeIfAbsent(group.order.get(Integer.parseInt(words[1])), m -> new HashMap<>())
                            .computeIfAbsent(Uuid.fromString(words[i]), t -> new HashSet<>()).add(Integer.parseInt(words[i + 1]));
                }
            }
        }
        System.out.printf("assignors: %d times more even than Kafka; where as even, and subscriptions differ, %d kept of Kafka's %d%n",
            moreEven, kept, kafkaKept);
        check(kept >= kafkaKept, "keeps less over all");
        System.out.printf("%d passed, %d failed%n", passed, failed);
        System.exit(failed == 0 ? 0 : 1);
    }
}
