package com.huaweicloud.sdk.cce.v3;

import com.huaweicloud.sdk.cce.v3.model.AddonCheckRequest;
import com.huaweicloud.sdk.cce.v3.model.BatchCreateAddonPrecheckRequest;
import com.huaweicloud.sdk.cce.v3.model.BatchCreateAddonPrecheckResponse;
import com.huaweicloud.sdk.cce.v3.model.ListAddonPrecheckTasksRequest;
import com.huaweicloud.sdk.cce.v3.model.ListAddonPrecheckTasksResponse;
import com.huaweicloud.sdk.core.ClientBuilder;
import com.huaweicloud.sdk.core.HcClient;
import com.huaweicloud.sdk.core.http.FieldExistence;
import com.huaweicloud.sdk.core.http.HttpMethod;
import com.huaweicloud.sdk.core.http.HttpRequestDef;
import com.huaweicloud.sdk.core.http.LocationType;

import java.util.function.BiConsumer;
import java.util.function.Function;

public class CceClient {
    private static final String PRECHECK = "/api/v3/projects/{project_id}/clusters/{cluster_id}/addons/precheck";

    private static final HttpRequestDef<ListAddonPrecheckTasksRequest, ListAddonPrecheckTasksResponse> LIST = list();

    private static final HttpRequestDef<BatchCreateAddonPrecheckRequest, BatchCreateAddonPrecheckResponse> CREATE =
        create();

    private final HcClient core;

    public CceClient(HcClient core) {
        this.core = core;
    }

    public static ClientBuilder<CceClient> newBuilder() {
        return new ClientBuilder<>(CceClient::new).withExceptionHandler(new CceExceptionHandler());
    }

    public ListAddonPrecheckTasksResponse listAddonPrecheckTasks(ListAddonPrecheckTasksRequest request) {
        return core.syncInvokeHttp(request, LIST);
    }

    public BatchCreateAddonPrecheckResponse batchCreateAddonPrecheck(BatchCreateAddonPrecheckRequest request) {
        return core.syncInvokeHttp(request, CREATE);
    }

    private static HttpRequestDef<ListAddonPrecheckTasksRequest, ListAddonPrecheckTasksResponse> list() {
        HttpRequestDef.Builder<ListAddonPrecheckTasksRequest, ListAddonPrecheckTasksResponse> call = HttpRequestDef
            .builder(HttpMethod.GET, ListAddonPrecheckTasksRequest.class, ListAddonPrecheckTasksResponse.class)
            .withName("ListAddonPrecheckTasks")
            .withUri(PRECHECK + "/tasks")
            .withContentType("application/json");
        needed(call, "cluster_id", LocationType.Path, String.class,
            ListAddonPrecheckTasksRequest::getClusterId, ListAddonPrecheckTasksRequest::setClusterId);
        filter(call, "type", ListAddonPrecheckTasksRequest.TypeEnum.class,
            ListAddonPrecheckTasksRequest::getType, ListAddonPrecheckTasksRequest::setType);
        filter(call, "task_id", String.class,
            ListAddonPrecheckTasksRequest::getTaskId, ListAddonPrecheckTasksRequest::setTaskId);
        filter(call, "addon_instance_id", String.class,
            ListAddonPrecheckTasksRequest::getAddonInstanceId, ListAddonPrecheckTasksRequest::setAddonInstanceId);
        return call.build();
    }

    private static HttpRequestDef<BatchCreateAddonPrecheckRequest, BatchCreateAddonPrecheckResponse> create() {
        HttpRequestDef.Builder<BatchCreateAddonPrecheckRequest, BatchCreateAddonPrecheckResponse> call = HttpRequestDef
            .builder(HttpMethod.POST, BatchCreateAddonPrecheckRequest.class, BatchCreateAddonPrecheckResponse.class)
            .withName("BatchCreateAddonPrecheck")
            .withUri(PRECHECK)
            .withContentType("application/json");
        needed(call, "cluster_id", LocationType.Path, String.class,
            BatchCreateAddonPrecheckRequest::getClusterId, BatchCreateAddonPrecheckRequest::setClusterId);
        needed(call, "body", LocationType.Body, AddonCheckRequest.class,
            BatchCreateAddonPrecheckRequest::getBody, BatchCreateAddonPrecheckRequest::setBody);
        return call.build();
    }

    private static <R, F> void needed(HttpRequestDef.Builder<R, ?> call, String name, LocationType place, Class<F> type,
                                      Function<R, F> getter, BiConsumer<R, F> setter) {
        call.withRequestField(name, place, FieldExistence.NON_NULL_NON_EMPTY, type,
            field -> field.withMarshaller(getter, setter));
    }

    private static <R, F> void filter(HttpRequestDef.Builder<R, ?> call, String name, Class<F> type,
                                      Function<R, F> getter, BiConsumer<R, F> setter) {
        call.withRequestField(name, LocationType.Query, FieldExistence.NULL_IGNORE, type,
            field -> field.withMarshaller(getter, setter));
    }
}
