package ccetest_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"cce-driver/ccetest"
)

// failedAddons is the code under test, with the client of its choice.
func failedAddons(endpoint, projectID, clusterID, token string) ([]string, error) {
	path := "/api/v3/projects/" + projectID + "/clusters/" + clusterID + "/addons/precheck/tasks?type=addonUpgrade"
	request, err := http.NewRequest(http.MethodGet, endpoint+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("X-Auth-Token", token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var listed struct {
		Items []struct {
			Metadata struct{ AddonTemplateName string }
			Status   struct{ Status string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&listed); err != nil {
		return nil, err
	}
	var failed []string
	for _, task := range listed.Items {
		if task.Status.Status == "Failed" {
			failed = append(failed, task.Metadata.AddonTemplateName)
		}
	}
	return failed, nil
}

func TestFailedUpgrades(t *testing.T) {
	cce := ccetest.Start(t)

	failed, err := failedAddons(cce.URL, cce.ProjectID, cce.ClusterID, cce.Token)

	if err != nil {
		t.Fatal(err)
	}
	if len(failed) == 0 {
		t.Error("no upgrade has failed")
	}
}
