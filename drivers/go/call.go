package main

import (
	"fmt"
	"os"
	"time"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/basic"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/config"
	cce "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cce/v3"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/services/cce/v3/model"
)

// The ways to authenticate that the SDK has. It has no public way to send an IAM token.
const (
	permanent = "ak/sk"
	temporary = "temporary"
)

type call struct {
	service
	Operation string
	ClusterID string            `json:"cluster_id"`
	Filters   map[string]string `json:"filters"`
	Addons    []addon           `json:"addons"`
}

// service identifies a client of the SDK.
type service struct {
	Endpoint       string
	ProjectID      string `json:"project_id"`
	Authentication string
	Timeout        float64
}

type addon struct {
	AddonTemplateName string         `json:"addonTemplateName"`
	AddonInstanceID   string         `json:"addonInstanceID"`
	Type              string         `json:"type"`
	TargetVersion     *string        `json:"targetVersion"`
	Values            map[string]any `json:"values"`
}

// clients keeps one client for each service, with its open connections.
type clients struct {
	made map[service]*cce.CceClient
}

func newClients() *clients {
	return &clients{made: map[service]*cce.CceClient{}}
}

func (c *clients) of(service service) (*cce.CceClient, error) {
	if client, ok := c.made[service]; ok {
		return client, nil
	}
	credentials, err := service.credentials()
	if err != nil {
		return nil, err
	}
	if service.Endpoint == "" || service.Timeout <= 0 {
		return nil, protocolError("a call needs an endpoint and a timeout above 0")
	}
	timeout := time.Duration(service.Timeout * float64(time.Second))
	http, err := cce.CceClientBuilder().
		WithEndpoint(service.Endpoint).
		WithCredential(credentials).
		WithHttpConfig(config.DefaultHttpConfig().WithTimeout(timeout)).
		SafeBuild()
	if err != nil {
		return nil, err
	}
	client := cce.NewCceClient(http)
	c.made[service] = client
	return client, nil
}

// credentials includes the project's ID, so that the SDK does not ask IAM for it.
func (s service) credentials() (*basic.Credentials, error) {
	names := []string{"HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"}
	switch s.Authentication {
	case permanent:
	case temporary:
		names = append(names, "HUAWEICLOUD_SDK_SECURITY_TOKEN")
	default:
		return nil, protocolError(fmt.Sprintf("authentication %q; this SDK has %q and %q", s.Authentication, permanent, temporary))
	}
	for _, name := range names {
		if os.Getenv(name) == "" {
			return nil, protocolError(fmt.Sprintf("authentication %q needs %s in the environment", s.Authentication, name))
		}
	}
	builder := basic.NewCredentialsBuilder().
		WithAk(os.Getenv(names[0])).
		WithSk(os.Getenv(names[1])).
		WithProjectId(s.ProjectID)
	if s.Authentication == temporary {
		builder.WithSecurityToken(os.Getenv(names[2]))
	}
	return builder.SafeBuild()
}

// perform makes the call. Its results are the HTTP status and the tree of what the SDK's response object holds.
func (c call) perform(clients *clients) (int, any, error) {
	client, err := clients.of(c.service)
	if err != nil {
		return 0, nil, err
	}
	switch c.Operation {
	case "list":
		request, err := c.listRequest()
		if err != nil {
			return 0, nil, err
		}
		response, err := client.ListAddonPrecheckTasks(request)
		if err != nil {
			return 0, nil, err
		}
		return response.HttpStatusCode, tree(response), nil
	case "create":
		request, err := c.createRequest()
		if err != nil {
			return 0, nil, err
		}
		response, err := client.BatchCreateAddonPrecheck(request)
		if err != nil {
			return 0, nil, err
		}
		return response.HttpStatusCode, tree(response), nil
	}
	return 0, nil, protocolError(fmt.Sprintf("operation %q; this driver has list and create", c.Operation))
}

func (c call) listRequest() (*model.ListAddonPrecheckTasksRequest, error) {
	request := &model.ListAddonPrecheckTasksRequest{ClusterId: c.ClusterID}
	for name, value := range c.Filters {
		switch name {
		case "type":
			request.Type = new(model.ListAddonPrecheckTasksRequestType)
			// The only public way to set a text that is not among the SDK's constants. It also accepts the text without quotes.
			if err := request.Type.UnmarshalJSON([]byte(value)); err != nil {
				return nil, err
			}
		case "task_id":
			request.TaskId = &value
		case "addon_instance_id":
			request.AddonInstanceId = &value
		default:
			return nil, protocolError(fmt.Sprintf("filter %q; the SDK's request has type, task_id and addon_instance_id", name))
		}
	}
	return request, nil
}

func (c call) createRequest() (*model.BatchCreateAddonPrecheckRequest, error) {
	addons := make([]model.AddonInfo, len(c.Addons))
	for i, addon := range c.Addons {
		addons[i] = model.AddonInfo{
			AddonTemplateName: addon.AddonTemplateName,
			AddonInstanceID:   addon.AddonInstanceID,
			TargetVersion:     addon.TargetVersion,
			Values:            addon.Values,
		}
		if err := addons[i].Type.UnmarshalJSON([]byte(addon.Type)); err != nil {
			return nil, err
		}
	}
	return &model.BatchCreateAddonPrecheckRequest{
		ClusterId: c.ClusterID,
		Body: &model.AddonCheckRequest{
			Kind:       "AddonCheck",
			ApiVersion: "v3",
			Spec:       &model.AddonCheckSpec{ClusterID: c.ClusterID, AddonList: addons},
		},
	}, nil
}
