// Package ccetest gives a Go test an endpoint of CCE's add-on checks: recorded answers, or a real service that is
// recorded, judged or compared. It starts "cce-precheck proxy" once for each test program.
//
// It needs nothing but the standard library: copy this file into your project. These environment variables are read:
//
//	CCE_PROXY_MODE  replay (default), record, judge or diff
//	CCE_ENDPOINT    the real service, for all modes but replay; CCE_PROXY_TO is another name for it
//	CCE_PROJECT_ID, CCE_CLUSTER_ID  its project and cluster; a replay takes them from the cassette
//	CCE_PROXY_ARGS  further arguments of cce-precheck proxy, separated by blanks
//	CCE_PRECHECK    the command; by default cce-precheck
package ccetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// Folder is where the cassettes are, from the folder of the tested package.
const Folder = "testdata/cassettes"

const patience = 60 * time.Second

// how errors say that a cassette is recorded; the proxy fills it in
const recordWith = "CCE_PROXY_MODE=record {settings} go test -count=1 -run '^{test}$' ./..."

// Service is what a test calls. Its credentials belong to the test: who calls with them is answered from its cassette.
type Service struct {
	URL       string `json:"-"`
	Test      string `json:"test"`
	ProjectID string `json:"project_id"`
	ClusterID string `json:"cluster_id"`
	Token     string `json:"token"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

type process struct {
	Endpoint    string            `json:"endpoint"`
	Token       string            `json:"token"`
	Environment map[string]string `json:"environment"`
	// the proxy ends when this is closed, which the end of this program does
	input io.WriteCloser
}

var (
	once    sync.Once
	started process
	failure error
)

// Start begins the cassette of the test and sets the variables that the vendor's SDKs read: endpoint, project, keys.
// The end of the test ends it. The test fails if a call was not recorded, or if an answer breaks the contract.
func Start(t testing.TB) *Service {
	t.Helper()
	service := StartParallel(t)
	for name, value := range service.Environment() {
		t.Setenv(name, value)
	}
	return service
}

// StartParallel is Start without variables, which parallel tests cannot have: give the client what it returns.
func StartParallel(t testing.TB) *Service {
	t.Helper()
	once.Do(func() { failure = start() })
	if failure != nil {
		t.Fatalf("ccetest: %v", failure)
	}
	service := &Service{URL: started.Endpoint}
	body, err := json.Marshal(map[string]string{"name": t.Name()})
	if err == nil {
		err = call(http.MethodPost, "/_cce/tests", body, service)
	}
	if err != nil {
		t.Fatalf("ccetest: the test %s cannot begin: %v", t.Name(), err)
	}
	t.Cleanup(func() { service.end(t) })
	return service
}

// Environment returns the variables that Start sets, for a program that the test starts.
func (s *Service) Environment() map[string]string {
	found := map[string]string{}
	for name, value := range started.Environment {
		found[name] = value
	}
	found["CCE_PROJECT_ID"], found["HUAWEICLOUD_SDK_PROJECT_ID"] = s.ProjectID, s.ProjectID
	found["CCE_CLUSTER_ID"], found["CCE_AUTH_TOKEN"] = s.ClusterID, s.Token
	found["HUAWEICLOUD_SDK_AK"], found["HUAWEICLOUD_SDK_SK"] = s.AccessKey, s.SecretKey
	return found
}

func (s *Service) end(t testing.TB) {
	t.Helper()
	var ended struct {
		Problems []string
		Findings []struct {
			Code, Message string
			Fails         bool
		}
	}
	target := "/_cce/tests/" + url.PathEscape(s.Test)
	if t.Failed() {
		target += "?failed=true"
	}
	if err := call(http.MethodDelete, target, nil, &ended); err != nil {
		t.Errorf("ccetest: the test %s cannot end: %v", s.Test, err)
	}
	for _, problem := range ended.Problems {
		t.Errorf("ccetest: %s", problem)
	}
	for _, finding := range ended.Findings {
		if finding.Fails {
			t.Errorf("%s %s", finding.Code, finding.Message)
		} else {
			t.Logf("%s %s", finding.Code, finding.Message)
		}
	}
}

func start() error {
	mode := variable("CCE_PROXY_MODE", "replay")
	words := append(strings.Fields(variable("CCE_PRECHECK", "cce-precheck")), "proxy", "--json", "--until-eof",
		"--mode="+mode, "--cassette-dir="+Folder)
	if to := variable("CCE_PROXY_TO", os.Getenv("CCE_ENDPOINT")); to != "" && mode != "replay" {
		words = append(words, "--to="+to)
	}
	words = append(words, strings.Fields(os.Getenv("CCE_PROXY_ARGS"))...)
	command := exec.Command(words[0], words[1:]...)
	command.Env = append(os.Environ(), "CCE_RECORD_WITH="+recordWith)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	input, err := command.StdinPipe()
	if err != nil {
		return err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("%q cannot be started: %w; install pytest-cce-precheck as its README says, or name the command in CCE_PRECHECK",
			words[0], err)
	}
	lines := bufio.NewReader(output)
	late := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
	first, err := lines.ReadBytes('\n')
	late.Stop()
	if err != nil {
		_ = command.Wait()
		return fmt.Errorf("%s did not start: %s", strings.Join(words, " "), strings.TrimSpace(complaints.String()))
	}
	started.input = input
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	return json.Unmarshal(first, &started)
}

func call(method, target string, body []byte, into any) error {
	request, err := http.NewRequest(method, started.Endpoint+target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("X-Auth-Token", started.Token)
	client := http.Client{Timeout: patience, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	told, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		var refusal struct{ Error string }
		if json.Unmarshal(told, &refusal) == nil && refusal.Error != "" {
			return fmt.Errorf("%s", refusal.Error)
		}
		return fmt.Errorf("%s: %s", response.Status, told)
	}
	return json.Unmarshal(told, into)
}

func variable(name, other string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return other
}
