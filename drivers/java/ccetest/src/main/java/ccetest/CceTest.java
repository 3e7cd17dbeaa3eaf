package ccetest;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives a test of JUnit 5 an endpoint of CCE's add-on checks: recorded answers, or a real service that is recorded,
 * judged or compared. It starts "cce-precheck proxy" once for each run.
 *
 * <p>It needs nothing but JUnit: copy this file into your project. These environment variables are read:
 *
 * <ul>
 *   <li>CCE_PROXY_MODE: replay (default), record, judge or diff
 *   <li>CCE_ENDPOINT: the real service, for all modes but replay; CCE_PROXY_TO is another name for it
 *   <li>CCE_PROJECT_ID, CCE_CLUSTER_ID: its project and cluster; a replay takes them from the cassette
 *   <li>CCE_PROXY_ARGS: further arguments of cce-precheck proxy, separated by blanks
 *   <li>CCE_PRECHECK: the command; by default cce-precheck
 * </ul>
 */
public final class CceTest implements BeforeEachCallback, AfterEachCallback, ParameterResolver {
    /** Where the cassettes are, from the folder of the project. */
    public static final String FOLDER = "src/test/resources/cce-cassettes";

    private static final ExtensionContext.Namespace OURS = ExtensionContext.Namespace.create(CceTest.class);
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    // how errors say that a cassette is recorded; the proxy fills it in
    private static final String RECORD_WITH = "CCE_PROXY_MODE=record {settings} mvn test";

    /**
     * What a test calls. Its credentials belong to the test: who calls with them is answered from its cassette.
     */
    public record Service(
            String url, String test, String projectId, String clusterId, String token, String accessKey,
            String secretKey) {}

    @Override
    public void beforeEach(ExtensionContext context) {
        Proxy proxy = context.getRoot().getStore(OURS)
                .getOrComputeIfAbsent(Proxy.class, ignored -> Proxy.start(), Proxy.class);
        context.getStore(OURS).put(Service.class, proxy.begin(nameOf(context)));
        context.getStore(OURS).put(Proxy.class, proxy);
    }

    @Override
    public void afterEach(ExtensionContext context) {
        Service service = context.getStore(OURS).get(Service.class, Service.class);
        Proxy proxy = context.getStore(OURS).get(Proxy.class, Proxy.class);
        Optional<Throwable> failure = context.getExecutionException();
        String ended = proxy.end(service.test(), failure.isPresent());
        if (ended.contains("\"problems\": []") && !ended.contains("\"fails\": true")) {
            return;
        }
        AssertionError error = new AssertionError(ended.replace("\\n", "\n"));
        if (failure.isEmpty()) {
            throw error;
        }
        // a call that was not recorded explains why the test failed
        failure.get().addSuppressed(error);
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == Service.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return context.getStore(OURS).get(Service.class, Service.class);
    }

    private static String nameOf(ExtensionContext context) {
        String name = context.getRequiredTestClass().getSimpleName() + "/" + context.getRequiredTestMethod().getName();
        // a test with parameters is run more than once
        return context.getDisplayName().startsWith("[") ? name + context.getDisplayName() : name;
    }

    /** The command, running until JUnit ends. */
    private static final class Proxy implements ExtensionContext.Store.CloseableResource {
        private final HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        private final Process process;
        private final String endpoint;
        private final String token;

        private Proxy(Process process, String started) {
            this.process = process;
            this.endpoint = text(started, "endpoint");
            this.token = text(started, "token");
        }

        static Proxy start() {
            List<String> words = new ArrayList<>(words(variable("CCE_PRECHECK", "cce-precheck")));
            words.addAll(List.of("proxy", "--json", "--until-eof", "--cassette-dir=" + FOLDER));
            String mode = variable("CCE_PROXY_MODE", "replay");
            words.add("--mode=" + mode);
            String to = variable("CCE_PROXY_TO", variable("CCE_ENDPOINT", ""));
            if (!to.isEmpty() && !mode.equals("replay")) {
                words.add("--to=" + to);
            }
            words.addAll(words(variable("CCE_PROXY_ARGS", "")));
            try {
                ProcessBuilder builder = new ProcessBuilder(words).redirectErrorStream(true);
                builder.environment().put("CCE_RECORD_WITH", RECORD_WITH);
                Process process = builder.start();
                BufferedReader lines =
                        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
                String first = lines.readLine();
                if (first == null || !first.startsWith("{")) {
                    throw new IllegalStateException(String.join(" ", words) + " did not start: " + first);
                }
                Thread reader = new Thread(() -> lines.lines().forEach(line -> {}), "cce-precheck");
                reader.setDaemon(true);
                reader.start();
                return new Proxy(process, first);
            } catch (IOException error) {
                throw new UncheckedIOException(
                        "install pytest-cce-precheck as its README says, or name the command in CCE_PRECHECK", error);
            }
        }

        Service begin(String name) {
            String body = "{\"name\": \"" + name.replace("\\", "\\\\").replace("\"", "\\\"") + "\"}";
            String begun = call("POST", "/_cce/tests", body);
            return new Service(
                    endpoint, name, text(begun, "project_id"), text(begun, "cluster_id"), text(begun, "token"),
                    text(begun, "access_key"), text(begun, "secret_key"));
        }

        String end(String name, boolean failed) {
            String path = URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
            return call("DELETE", "/_cce/tests/" + path + (failed ? "?failed=true" : ""), "");
        }

        @Override
        public void close() throws Exception {
            process.getOutputStream().close();
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        }

        private String call(String method, String target, String body) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(endpoint + target))
                    .timeout(PATIENCE)
                    .header("X-Auth-Token", token)
                    .method(method, HttpRequest.BodyPublishers.ofString(body))
                    .build();
            try {
                HttpResponse<String> response = client.send(request, HttpResponse.BodyHandlers.ofString());
                if (response.statusCode() >= 400) {
                    throw new IllegalStateException(response.body());
                }
                return response.body();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            } catch (InterruptedException error) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException(error);
            }
        }

        private static List<String> words(String text) {
            return text.isBlank() ? List.of() : List.of(text.strip().split("\\s+"));
        }

        private static String variable(String name, String other) {
            Map<String, String> variables = System.getenv();
            return variables.getOrDefault(name, "").isEmpty() ? other : variables.get(name);
        }

        // ids and credentials of the proxy hold no character that JSON escapes
        private static String text(String json, String name) {
            Matcher found = Pattern.compile("\"" + name + "\": \"([^\"\\\\]*)\"").matcher(json);
            if (!found.find()) {
                throw new IllegalStateException("the proxy did not say its " + name);
            }
            return found.group(1);
        }
    }
}
