package driver;

import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeType;
import com.huaweicloud.sdk.cce.v3.CceClient;
import com.huaweicloud.sdk.cce.v3.model.AddonCheckRequest;
import com.huaweicloud.sdk.cce.v3.model.AddonCheckSpec;
import com.huaweicloud.sdk.cce.v3.model.AddonInfo;
import com.huaweicloud.sdk.cce.v3.model.BatchCreateAddonPrecheckRequest;
import com.huaweicloud.sdk.cce.v3.model.ListAddonPrecheckTasksRequest;
import com.huaweicloud.sdk.core.SdkResponse;
import com.huaweicloud.sdk.core.auth.BasicCredentials;
import com.huaweicloud.sdk.core.http.HttpConfig;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** The two calls, each through a client that is made once for its endpoint, project, authentication and timeout. */
final class Calls {
    // The ways to authenticate that the SDK has. It has no public way to send an IAM token.
    static final String PERMANENT = "ak/sk";
    static final String TEMPORARY = "temporary";

    private static final ObjectMapper JSON = new ObjectMapper()
        .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES);

    private final Map<List<Object>, CceClient> clients = new HashMap<>();

    SdkResponse perform(JsonNode call) {
        CceClient client = client(call);
        String operation = text(call, "operation");
        switch (operation) {
            case "list":
                return client.listAddonPrecheckTasks(listRequest(call));
            case "create":
                return client.batchCreateAddonPrecheck(createRequest(call));
            default:
                throw new ProtocolError("operation \"" + operation + "\"; this driver has list and create");
        }
    }

    static String text(JsonNode object, String name) {
        return member(object, name, JsonNodeType.STRING).textValue();
    }

    private static JsonNode member(JsonNode object, String name, JsonNodeType type) {
        JsonNode member = object.path(name);
        if (member.getNodeType() != type) {
            throw new ProtocolError(name + ": " + type + " expected, not "
                + (member.isMissingNode() ? "nothing" : member));
        }
        return member;
    }

    private CceClient client(JsonNode call) {
        String endpoint = text(call, "endpoint");
        String project = text(call, "project_id");
        String authentication = text(call, "authentication");
        double timeout = member(call, "timeout", JsonNodeType.NUMBER).doubleValue();
        if (timeout <= 0) {
            throw new ProtocolError("timeout: above 0 expected, not " + timeout);
        }
        return clients.computeIfAbsent(Arrays.asList(endpoint, project, authentication, timeout), key ->
            CceClient.newBuilder()
                .withEndpoint(endpoint)
                .withCredential(credentials(authentication, project))
                // The SDK takes only whole seconds.
                .withHttpConfig(HttpConfig.getDefaultHttpConfig().withReadTimeout((int) Math.ceil(timeout)))
                .build());
    }

    /** They include the project's ID, so that the SDK does not ask IAM for it. */
    private static BasicCredentials credentials(String authentication, String project) {
        if (!authentication.equals(PERMANENT) && !authentication.equals(TEMPORARY)) {
            throw new ProtocolError("authentication \"" + authentication + "\"; this SDK has \"" + PERMANENT
                + "\" and \"" + TEMPORARY + "\"");
        }
        BasicCredentials credentials = new BasicCredentials()
            .withAk(environment("HUAWEICLOUD_SDK_AK"))
            .withSk(environment("HUAWEICLOUD_SDK_SK"))
            .withProjectId(project);
        return authentication.equals(TEMPORARY)
            ? credentials.withSecurityToken(environment("HUAWEICLOUD_SDK_SECURITY_TOKEN"))
            : credentials;
    }

    private static String environment(String name) {
        String value = System.getenv(name);
        if (value == null || value.isEmpty()) {
            throw new ProtocolError("this authentication needs " + name + " in the environment");
        }
        return value;
    }

    private static ListAddonPrecheckTasksRequest listRequest(JsonNode call) {
        ListAddonPrecheckTasksRequest request = new ListAddonPrecheckTasksRequest()
            .withClusterId(text(call, "cluster_id"));
        JsonNode filters = call.has("filters") ? member(call, "filters", JsonNodeType.OBJECT) : call.path("filters");
        for (Iterator<String> names = filters.fieldNames(); names.hasNext();) {
            String name = names.next();
            String value = text(filters, name);
            switch (name) {
                case "type":
                    request.withType(ListAddonPrecheckTasksRequest.TypeEnum.fromValue(value));
                    break;
                case "task_id":
                    request.withTaskId(value);
                    break;
                case "addon_instance_id":
                    request.withAddonInstanceId(value);
                    break;
                default:
                    throw new ProtocolError("filter \"" + name
                        + "\"; the SDK's request has type, task_id and addon_instance_id");
            }
        }
        return request;
    }

    private static BatchCreateAddonPrecheckRequest createRequest(JsonNode call) {
        List<AddonInfo> addons;
        try {
            addons = JSON.convertValue(member(call, "addons", JsonNodeType.ARRAY), new TypeReference<List<AddonInfo>>() { });
        } catch (IllegalArgumentException unfit) {
            throw new ProtocolError("addons: " + unfit.getMessage());
        }
        String cluster = text(call, "cluster_id");
        return new BatchCreateAddonPrecheckRequest()
            .withClusterId(cluster)
            .withBody(new AddonCheckRequest()
                .withKind("AddonCheck")
                .withApiVersion("v3")
                .withSpec(new AddonCheckSpec().withClusterID(cluster).withAddonList(addons)));
    }
}
