import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/** Apache Kafka's command line tools in one process, since most of what a tool takes is the start of its JVM. Each line
 * of stdin, {"class", "arguments"}, is answered by one of stdout: {"code", "output"}. */
public class Tools {
    private static final ObjectMapper json = new ObjectMapper();
    private static final ByteArrayOutputStream output = new ByteArrayOutputStream();

    /** Unwinds the tool that has asked for the end of its process. Some catch this as they do any failure, say so and ask
     * again: only the first time counts. */
    private static class Ended extends RuntimeException {
        Ended() {
            super(null, null, false, false);
        }
    }

    private static Integer code;
    private static String printed;

    private static void end(int status) {
        if (code == null) {
            System.out.flush();
            code = status;
            printed = output.toString();
        }
    }

    private static void run(String mainClass, String[] arguments) throws ReflectiveOperationException {
        output.reset();
        code = null;
        try {
            Class.forName(mainClass).getMethod("main", String[].class).invoke(null, (Object) arguments);
            end(0);
        } catch (InvocationTargetException failure) {
            if (code == null)
                failure.getCause().printStackTrace();
            end(1);
        }
    }

    public static void main(String[] ignored) throws Exception {
        PrintStream answers = System.out;
        System.setOut(new PrintStream(output, true));
        System.setErr(System.out);
        Exit.setExitProcedure((status, message) -> {
            end(status);
            throw new Ended();
        });
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode call = json.readTree(line);
            List<String> arguments = new ArrayList<>();
            call.get("arguments").forEach(argument -> arguments.add(argument.asText()));
            run(call.get("class").asText(), arguments.toArray(new String[0]));
            ObjectNode answer = json.createObjectNode().put("code", code).put("output", printed);
            answers.println(json.writeValueAsString(answer));
            answers.flush();
        }
    }
}
