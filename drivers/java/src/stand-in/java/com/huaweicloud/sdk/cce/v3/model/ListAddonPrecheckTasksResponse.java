package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.huaweicloud.sdk.core.SdkResponse;

import java.util.List;

public class ListAddonPrecheckTasksResponse extends SdkResponse {
    @JsonProperty("kind")
    private String kind;

    @JsonProperty("apiVersion")
    private String apiVersion;

    @JsonProperty("pageInfo")
    private PageInfo pageInfo;

    @JsonProperty("items")
    private List<AddonCheckTask> items;

    @Override
    public String toString() {
        return ModelText.of(this);
    }
}
