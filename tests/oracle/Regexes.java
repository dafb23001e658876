import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads what oracle_regexes wrote: RE2/J, by which Kafka reads subscriptions, must accept the same expressions, and find
 *  the same names. */
public class Regexes {
    static int passed, failed, bounded;

    static void check(boolean holds, String what) {
        if (holds) {
            passed++;
        } else if (failed++ < 20) {
            System.out.println(what);
        }
    }

    static Pattern compile(String expression) {
        try {
            return Pattern.compile(expression);
        } catch (PatternSyntaxException e) {
            return null;
        }
    }

    public static void main(String[] arguments) throws Exception {
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] words = line.split(" ");
            Pattern pattern = compile(words[0]);
            boolean isRefused = words[1].equals("refused");
            String differs = isRefused == (pattern == null) ? "" : isRefused ? ": only Furrow refuses it" : ": only RE2/J refuses it";
            for (int i = 1; !isRefused && pattern != null && i < words.length; i += 2) {
                if (words[i + 1].equals("-"))
                    bounded++;
                else if (pattern.matches(words[i]) != words[i + 1].equals("1"))
                    differs = " and " + words[i] + ": Furrow says " + words[i + 1];
            }
            check(differs.isEmpty(), words[0] + differs);
        }
        System.out.printf("regular expressions: %d times a bound was reached%n%d passed, %d failed%n", bounded, passed, failed);
        System.exit(failed == 0 ? 0 : 1);
    }
}
