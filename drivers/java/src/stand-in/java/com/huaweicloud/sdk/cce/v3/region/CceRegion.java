package com.huaweicloud.sdk.cce.v3.region;

import com.huaweicloud.sdk.core.region.IRegionProvider;
import com.huaweicloud.sdk.core.region.Region;
import com.huaweicloud.sdk.core.region.RegionProviderChain;

import java.util.Arrays;
import java.util.List;

/** The regions of CCE. The endpoint of a region is read from the environment first, as in the vendor's class. */
public class CceRegion {
    private static final List<String> IDS = Arrays.asList(
        "cn-north-1", "cn-north-2", "cn-north-4", "cn-north-9", "cn-south-1", "cn-south-2", "cn-south-4", "cn-east-2",
        "cn-east-3", "cn-southwest-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "af-south-1",
        "sa-brazil-1", "la-south-2", "la-north-2", "na-mexico-1", "ru-northwest-2", "ap-southeast-4", "tr-west-1",
        "ae-ad-1", "eu-west-101", "cn-north-11", "my-kualalumpur-1", "eu-west-0", "ru-moscow-1", "me-east-1",
        "cn-east-4", "af-north-1", "cn-east-5", "ap-southeast-5", "cn-north-12");

    private static final IRegionProvider PROVIDER = RegionProviderChain.getDefaultRegionProviderChain("CCE");

    public static Region valueOf(String regionId) {
        if (regionId == null || regionId.trim().isEmpty()) {
            throw new IllegalArgumentException("Unexpected empty parameter: regionId.");
        }
        Region given = PROVIDER.getRegion(regionId);
        if (given != null) {
            return given;
        }
        if (!IDS.contains(regionId)) {
            throw new IllegalArgumentException("Unexpected regionId: " + regionId);
        }
        String domain = regionId.equals("eu-west-101") ? "myhuaweicloud.eu" : "myhuaweicloud.com";
        return new Region(regionId, "https://cce." + regionId + "." + domain);
    }
}
