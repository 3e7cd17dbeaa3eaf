package driver;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.huaweicloud.sdk.cce.v3.CceClient;
import com.huaweicloud.sdk.core.HcClient;
import com.huaweicloud.sdk.core.SdkResponse;
import com.huaweicloud.sdk.core.exception.SdkException;
import com.huaweicloud.sdk.core.exception.ServiceResponseException;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Properties;

/**
 * Makes the calls that it reads from standard input, one JSON message a line, through the vendor's Java SDK, and writes
 * what the SDK's objects hold to standard output, one JSON message a line.
 */
public final class Driver {
    private static final int PROTOCOL = 1;

    // Answers are ASCII, so that half of a surrogate pair is passed on as it is held, whatever the platform's charset.
    private static final ObjectMapper JSON = JsonMapper.builder()
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .enable(JsonWriteFeature.ESCAPE_NON_ASCII)
        .build();

    private final Calls calls = new Calls();

    private Driver() {
    }

    public static void main(String[] arguments) throws IOException {
        PrintStream answers = System.out;
        // Only answers may reach standard output, whatever a library prints.
        System.setOut(System.err);
        Driver driver = new Driver();
        BufferedReader messages = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = messages.readLine(); line != null; line = messages.readLine()) {
            answers.println(JSON.writeValueAsString(driver.respond(line)));
            answers.flush();
        }
    }

    /** Answers one message. Every failure becomes an answer, even an error within the SDK. */
    private ObjectNode respond(String line) {
        ObjectNode answer = JSON.createObjectNode().put("protocol", PROTOCOL).putNull("id");
        try {
            JsonNode message = read(line);
            answer.set("id", message.path("id"));
            carryOut(message, answer);
        } catch (Throwable thrown) {
            answer.put("outcome", "error").set("error", describe(thrown));
        }
        return answer;
    }

    private static JsonNode read(String line) {
        JsonNode message;
        try {
            message = JSON.readTree(line);
        } catch (JsonProcessingException unreadable) {
            throw new ProtocolError("not a message: " + unreadable.getOriginalMessage());
        }
        if (!message.isObject()) {
            throw new ProtocolError("not a message: a JSON object is expected");
        }
        return message;
    }

    private void carryOut(JsonNode message, ObjectNode answer) {
        JsonNode protocol = message.path("protocol");
        if (!protocol.isInt() || protocol.intValue() != PROTOCOL) {
            throw new ProtocolError("protocol " + protocol + "; this driver speaks " + PROTOCOL);
        }
        String task = Calls.text(message, "do");
        switch (task) {
            case "hello":
                introduce(answer);
                break;
            case "models":
                answer.set("models", JSON.valueToTree(Models.described()));
                break;
            case "call":
                SdkResponse response = calls.perform(message);
                JsonNode value = JSON.valueToTree(Tree.of(response));
                answer.put("outcome", "value").put("status", response.getHttpStatusCode()).set("value", value);
                break;
            default:
                throw new ProtocolError("do \"" + task + "\"; this driver knows hello, models and call");
        }
    }

    private static void introduce(ObjectNode answer) {
        answer.put("language", "Java " + System.getProperty("java.version"));
        answer.set("sdk", sdk());
        answer.putArray("operations").add("list").add("create");
        answer.putArray("authentication").add(Calls.PERMANENT).add(Calls.TEMPORARY);
    }

    /** Returns which of the vendor's artefacts makes the calls: that of CCE, or only the core where the calls are declared here. */
    private static ObjectNode sdk() {
        Properties artefact = artefact(CceClient.class, "huaweicloud-sdk-cce");
        if (artefact.isEmpty()) {
            artefact = artefact(HcClient.class, "huaweicloud-sdk-core");
        }
        return JSON.createObjectNode()
            .put("name", artefact.getProperty("artifactId"))
            .put("version", artefact.getProperty("version"));
    }

    private static Properties artefact(Class<?> member, String name) {
        Properties properties = new Properties();
        String path = "/META-INF/maven/com.huaweicloud.sdk/" + name + "/pom.properties";
        try (InputStream file = member.getResourceAsStream(path)) {
            if (file != null) {
                properties.load(file);
            }
        } catch (IOException unreadable) {
            throw new IllegalStateException(path, unreadable);
        }
        return properties;
    }

    /** Returns what the SDK's error object reports; expected is what the SDK's manual tells its users to catch. */
    private static ObjectNode describe(Throwable thrown) {
        boolean expected = thrown instanceof SdkException;
        ObjectNode error = JSON.createObjectNode()
            .put("class", thrown.getClass().getSimpleName())
            .put("expected", expected);
        if (thrown instanceof Error || thrown.getClass().getPackage() == Object.class.getPackage()) {
            error.put("panic", true); // NullPointerException, ClassCastException and the like
        }
        putUnlessNull(error, "message", thrown.getMessage());
        if (thrown instanceof ServiceResponseException) {
            ServiceResponseException refusal = (ServiceResponseException) thrown;
            error.put("status", refusal.getHttpStatusCode());
            putUnlessNull(error, "code", refusal.getErrorCode());
            putUnlessNull(error, "request_id", refusal.getRequestId());
        }
        if (!expected && !(thrown instanceof ProtocolError)) {
            thrown.printStackTrace();
        }
        return error;
    }

    private static void putUnlessNull(ObjectNode object, String name, String text) {
        if (text != null) {
            object.put(name, text);
        }
    }
}
