package com.huaweicloud.sdk.cce.v3.model;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;

import java.util.List;

@JsonInclude(JsonInclude.Include.NON_NULL)
public class AddonCheckSpec {
    @JsonProperty("clusterID")
    private String clusterID;

    @JsonProperty("addonList")
    private List<AddonInfo> addonList;

    @Override
    public String toString() {
        return ModelText.of(this);
    }

    public AddonCheckSpec withClusterID(String clusterID) {
        this.clusterID = clusterID;
        return this;
    }

    public AddonCheckSpec withAddonList(List<AddonInfo> addonList) {
        this.addonList = addonList;
        return this;
    }
}
