package report

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
)

func list(t *testing.T, query string) map[string]any {
	url := os.Getenv("CCE_ENDPOINT") + "/api/v3/projects/" + os.Getenv("CCE_PROJECT_ID") + "/clusters/" +
		os.Getenv("CCE_CLUSTER_ID") + "/addons/precheck/tasks" + query
	request, _ := http.NewRequest("GET", url, nil)
	request.Header.Set("X-Auth-Token", os.Getenv("CCE_AUTH_TOKEN"))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var document map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&document); err != nil {
		t.Fatal(err)
	}
	return document
}

func TestTheKindIsThere(t *testing.T) {
	if kind := list(t, "")["kind"]; kind != "AddonCheck" {
		t.Fatalf("kind is %v", kind)
	}
}

func TestUpgradesAreListed(t *testing.T) {
	if count := len(list(t, "?type=addonUpgrade")["items"].([]any)); count != 6 {
		t.Fatalf("%d upgrades, expected 6", count)
	}
}
