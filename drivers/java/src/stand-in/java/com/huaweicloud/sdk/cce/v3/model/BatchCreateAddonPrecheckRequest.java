package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonProperty;

public class BatchCreateAddonPrecheckRequest {
    @JsonProperty("cluster_id")
    private String clusterId;

    @JsonProperty("body")
    private AddonCheckRequest body;

    @Override
    public String toString() {
        return ModelText.of(this);
    }

    public String getClusterId() {
        return clusterId;
    }

    public void setClusterId(String clusterId) {
        this.clusterId = clusterId;
    }

    public BatchCreateAddonPrecheckRequest withClusterId(String clusterId) {
        this.clusterId = clusterId;
        return this;
    }

    public AddonCheckRequest getBody() {
        return body;
    }

    public void setBody(AddonCheckRequest body) {
        this.body = body;
    }

    public BatchCreateAddonPrecheckRequest withBody(AddonCheckRequest body) {
        this.body = body;
        return this;
    }
}
