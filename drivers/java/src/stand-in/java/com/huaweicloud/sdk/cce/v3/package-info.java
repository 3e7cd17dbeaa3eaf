/**
 * The two calls, declared for the SDK's core as the vendor's artefact of CCE declares them (3.1.212), for builds that
 * cannot have that artefact. Only what the calls need: its other members, and itemsStatus[].riskSource, which no
 * documented answer has, are left out.
 */
package com.huaweicloud.sdk.cce.v3;
