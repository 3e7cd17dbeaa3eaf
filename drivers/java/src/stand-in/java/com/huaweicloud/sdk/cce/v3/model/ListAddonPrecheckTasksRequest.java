package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonProperty;

public class ListAddonPrecheckTasksRequest {
    @JsonProperty("cluster_id")
    private String clusterId;

    @JsonProperty("type")
    private TypeEnum type;

    @JsonProperty("task_id")
    private String taskId;

    @JsonProperty("addon_instance_id")
    private String addonInstanceId;

    @Override
    public String toString() {
        return ModelText.of(this);
    }

    public static final class TypeEnum extends EnumText {
        private TypeEnum(String value) {
            super(value);
        }

        @JsonCreator
        public static TypeEnum fromValue(String value) {
            return value == null ? null : new TypeEnum(value);
        }
    }

    public String getClusterId() {
        return clusterId;
    }

    public void setClusterId(String clusterId) {
        this.clusterId = clusterId;
    }

    public ListAddonPrecheckTasksRequest withClusterId(String clusterId) {
        this.clusterId = clusterId;
        return this;
    }

    public TypeEnum getType() {
        return type;
    }

    public void setType(TypeEnum type) {
        this.type = type;
    }

    public ListAddonPrecheckTasksRequest withType(TypeEnum type) {
        this.type = type;
        return this;
    }

    public String getTaskId() {
        return taskId;
    }

    public void setTaskId(String taskId) {
        this.taskId = taskId;
    }

    public ListAddonPrecheckTasksRequest withTaskId(String taskId) {
        this.taskId = taskId;
        return this;
    }

    public String getAddonInstanceId() {
        return addonInstanceId;
    }

    public void setAddonInstanceId(String addonInstanceId) {
        this.addonInstanceId = addonInstanceId;
    }

    public ListAddonPrecheckTasksRequest withAddonInstanceId(String addonInstanceId) {
        this.addonInstanceId = addonInstanceId;
        return this;
    }
}
