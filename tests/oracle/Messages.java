import java.io.BufferedOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.ArrayList;
import java.util.Random;

import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Random valid messages, encoded by Kafka's own classes.
 *
 * Input: lines "kind name key first last", the types and versions asked for (roundtrip --list). Output: frames
 * {kind u8, key i16, version i16, name u8 length + bytes, u32 size + bytes}; requests and responses stand behind their
 * headers. Kind 5 is an error code: key is the code, version is 1 when it is retriable.
 *
 * The fields that a version has, and where null is allowed, are read from Kafka's own schemas.
 */
class Messages {
    static final int REQUEST = 0, RESPONSE = 1, KEY = 2, VALUE = 3, DATA = 4, ERROR = 5;
    static final String[] KINDS = {"request", "response", "key", "value", "data"};
    static final int MESSAGES_OF_A_VERSION = 20;
    static final int FIRST_UNKNOWN_TAG = 20; // above all that Kafka knows

    final Random random;
    final DataOutputStream out;

    Messages(long seed, OutputStream out) {
        this.random = new Random(seed);
        this.out = new DataOutputStream(out);
    }

    // ---- random values

    String text() {
        int length = random.nextInt(20) == 0 ? 100 + random.nextInt(300) : random.nextInt(12);
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < length; i++)
            text.append(random.nextInt(10) == 0 ? "äλ…𝄞".substring(0, 1 + random.nextInt(3)) : (char) ('!' + random.nextInt(90)));
        return text.toString();
    }

    byte[] bytes() {
        byte[] bytes = new byte[random.nextInt(20) == 0 ? random.nextInt(20000) : random.nextInt(40)];
        random.nextBytes(bytes);
        return bytes;
    }

    /** Small, near a limit, or anything. */
    long integer(int bits) {
        long any = random.nextLong() >> (64 - bits);
        switch (random.nextInt(4)) {
            case 0: return random.nextInt(3) - 1;
            case 1: return random.nextBoolean() ? (1L << (bits - 1)) - 1 : -1L << (bits - 1);
            default: return any;
        }
    }

    Object scalar(Class<?> type) {
        if (type == boolean.class) return random.nextBoolean();
        if (type == byte.class) return (byte) integer(8);
        if (type == short.class) return (short) integer(16);
        if (type == int.class) return (int) integer(32);
        if (type == long.class) return integer(64);
        if (type == double.class) return random.nextBoolean() ? random.nextGaussian() * 1e9 : 0.0;
        if (type == Uuid.class) return random.nextInt(4) == 0 ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
        if (type == String.class) return text();
        if (type == byte[].class) return bytes();
        if (type == ByteBuffer.class) return ByteBuffer.wrap(bytes());
        if (type.getSimpleName().equals("BaseRecords")) return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes()));
        if (type == Short.class || type == Integer.class || type == Long.class || type == Byte.class)
            return boxed(type);
        throw new IllegalStateException("no values of " + type);
    }

    Object boxed(Class<?> type) {
        if (type == Short.class) return (short) integer(16);
        if (type == Integer.class) return (int) integer(32);
        if (type == Long.class) return integer(64);
        return (byte) integer(8);
    }

    // ---- messages, field by field

    static String plain(String name) {
        return name.replace("_", "").toLowerCase();
    }

    static Method setter(Class<?> type, String field) {
        for (Method method : type.getMethods())
            if (plain(method.getName()).equals("set" + plain(field)) && method.getParameterCount() == 1)
                return method;
        throw new IllegalStateException(type + " has no field " + field);
    }

    static Class<?> elementClass(Type list) {
        if (list instanceof ParameterizedType)
            return (Class<?>) ((ParameterizedType) list).getActualTypeArguments()[0];
        return elementClass(((Class<?>) list).getGenericSuperclass());
    }

    @SuppressWarnings("unchecked")
    Collection<Object> newCollection(Class<?> type) throws ReflectiveOperationException {
        return type == List.class ? new ArrayList<>() : (Collection<Object>) type.getDeclaredConstructor().newInstance();
    }

    Object value(org.apache.kafka.common.protocol.types.Type schema, Class<?> type, Type generic)
            throws ReflectiveOperationException {
        if (schema.isNullable() && random.nextInt(3) == 0)
            return null;
        if (schema.isArray()) {
            Class<?> element = elementClass(generic);
            Collection<Object> items = newCollection(type);
            int count = random.nextInt(60) == 0 ? 130 : random.nextInt(4);
            var elementSchema = schema.arrayElementType().get();
            for (int i = 0; i < count; i++)
                items.add(elementSchema instanceof Schema ? struct((Schema) elementSchema, element) : scalar(element));
            return items;
        }
        if (schema instanceof Schema)
            return struct((Schema) schema, type);
        if (type == int.class && schema.toString().equals("UINT16"))
            return random.nextInt(65536);
        return scalar(type);
    }

    void set(Object message, Field field) throws ReflectiveOperationException {
        Method setter = setter(message.getClass(), field.name);
        setter.invoke(message, value(field.type, setter.getParameterTypes()[0], setter.getGenericParameterTypes()[0]));
    }

    Object struct(Schema schema, Class<?> type) throws ReflectiveOperationException {
        var constructor = type.getDeclaredConstructor();
        constructor.setAccessible(true);
        Object message = constructor.newInstance();
        for (BoundField field : schema.fields()) {
            if (field.def.type instanceof TaggedFields)
                setTagged((Message) message, (TaggedFields) field.def.type);
            else
                set(message, field.def);
        }
        return message;
    }

    void setTagged(Message message, TaggedFields section) throws ReflectiveOperationException {
        for (Field field : section.fields().values())
            if (random.nextInt(3) != 0)
                set(message, field);
        int tag = FIRST_UNKNOWN_TAG;
        for (int i = random.nextInt(8) == 0 ? 1 + random.nextInt(3) : 0; i > 0; i--) {
            tag += 1 + random.nextInt(random.nextBoolean() ? 3 : 100_000_000);
            message.unknownTaggedFields().add(new RawTaggedField(tag, bytes()));
        }
    }

    // ---- frames

    static byte[] encode(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        if (buffer.hasRemaining())
            throw new IllegalStateException("size");
        return buffer.array();
    }

    byte[] header(int kind, short key, short version) throws ReflectiveOperationException {
        if (kind == REQUEST) {
            short headerVersion = ApiMessageType.fromApiKey(key).requestHeaderVersion(version);
            RequestHeaderData header =
                (RequestHeaderData) struct(RequestHeaderData.SCHEMAS[headerVersion], RequestHeaderData.class);
            return encode(header.setRequestApiKey(key).setRequestApiVersion(version), headerVersion);
        }
        if (kind == RESPONSE) {
            short headerVersion = ApiMessageType.fromApiKey(key).responseHeaderVersion(version);
            return encode(new ResponseHeaderData().setCorrelationId(random.nextInt()), headerVersion);
        }
        return new byte[0];
    }

    void frame(int kind, int key, int version, String name, byte[]... parts) throws IOException {
        out.writeByte(kind);
        out.writeShort(key);
        out.writeShort(version);
        out.writeByte(name.length());
        out.writeBytes(name);
        int size = 0;
        for (byte[] part : parts)
            size += part.length;
        out.writeInt(size);
        for (byte[] part : parts)
            out.write(part);
    }

    static Class<?> classOf(int kind, String name) {
        String common = "org.apache.kafka.common.message.", coordinator = "org.apache.kafka.coordinator.";
        String[] names = switch (kind) {
            case REQUEST -> new String[] {common + name + "RequestData"};
            case RESPONSE -> new String[] {common + name + "ResponseData"};
            case KEY, VALUE -> new String[] {
                coordinator + "group.generated." + name + (kind == KEY ? "Key" : "Value"),
                coordinator + "transaction.generated." + name + (kind == KEY ? "Key" : "Value")};
            default -> new String[] {common + name, common + name + "Data", common + name + "Schema"};
        };
        for (String candidate : names) {
            try {
                return Class.forName(candidate);
            } catch (ClassNotFoundException e) {
                continue;
            }
        }
        throw new IllegalStateException("Kafka has no " + KINDS[kind] + " " + name);
    }

    void type(int kind, String name, int key, int first, int last) throws ReflectiveOperationException, IOException {
        Class<?> type = classOf(kind, name);
        Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
        for (int version = first; version <= last; version++) {
            for (int i = 0; i < MESSAGES_OF_A_VERSION; i++) {
                Message message = (Message) struct(schemas[version], type);
                if (message instanceof ApiMessage && kind != DATA && ((ApiMessage) message).apiKey() != key)
                    throw new IllegalStateException(name + " has key " + ((ApiMessage) message).apiKey());
                byte[] body = encode(message, (short) version);
                frame(kind, key, version, name, header(kind, (short) key, (short) version), body);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        try (OutputStream file = new BufferedOutputStream(Files.newOutputStream(Path.of(arguments[1])))) {
            Messages messages = new Messages(Long.parseLong(arguments[2]), file);
            for (String line : Files.readAllLines(Path.of(arguments[0]), StandardCharsets.US_ASCII)) {
                String[] words = line.split(" ");
                messages.type(List.of(KINDS).indexOf(words[0]), words[1], Integer.parseInt(words[2]),
                    Integer.parseInt(words[3]), Integer.parseInt(words[4]));
            }
            for (Errors error : Errors.values()) {
                boolean retriable = error.exception() instanceof org.apache.kafka.common.errors.RetriableException;
                messages.frame(ERROR, error.code(), retriable ? 1 : 0, error.name());
            }
            messages.out.flush();
        }
    }
}
