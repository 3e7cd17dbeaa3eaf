package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/sdkerr"
)

const (
	protocolVersion = 1
	sdkModule       = "github.com/huaweicloud/huaweicloud-sdk-go-v3"
)

type message struct {
	Protocol int
	// Kept as received: the answer repeats it, whatever it is.
	ID any
	Do string
	call
}

type answer struct {
	Protocol int `json:"protocol"`
	ID       any `json:"id"`
	*hello
	*outcome
	Models map[string]map[string]string `json:"models,omitempty"`
}

type hello struct {
	Language       string   `json:"language"`
	SDK            sdk      `json:"sdk"`
	Operations     []string `json:"operations"`
	Authentication []string `json:"authentication"`
}

type sdk struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type outcome struct {
	Outcome string   `json:"outcome"`
	Status  int      `json:"status,omitempty"`
	Value   any      `json:"value,omitempty"`
	Error   *failure `json:"error,omitempty"`
}

type failure struct {
	Class     string `json:"class"`
	Expected  bool   `json:"expected"`
	Panic     bool   `json:"panic,omitempty"`
	Message   string `json:"message,omitempty"`
	Status    int    `json:"status,omitempty"`
	Code      string `json:"code,omitempty"`
	RequestID string `json:"request_id,omitempty"`
}

// protocolError is a message that cannot be carried out; the SDK was not asked.
type protocolError string

func (e protocolError) Error() string { return string(e) }

func decode(line []byte, message *message) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	// The id and the numbers in "values" are passed on as they were received.
	decoder.UseNumber()
	if err := decoder.Decode(message); err != nil {
		return protocolError("not a message: " + err.Error())
	}
	if _, err := decoder.Token(); err != io.EOF {
		return protocolError("more than one message in a line")
	}
	if message.Protocol != protocolVersion {
		return protocolError(fmt.Sprintf("protocol %d; this driver speaks %d", message.Protocol, protocolVersion))
	}
	return nil
}

func (m message) carryOut(clients *clients) (answer, error) {
	switch m.Do {
	case "hello":
		return answer{Protocol: protocolVersion, ID: m.ID, hello: introduce()}, nil
	case "models":
		return answer{Protocol: protocolVersion, ID: m.ID, Models: models()}, nil
	case "call":
		status, value, err := m.call.perform(clients)
		if err != nil {
			return answer{}, err
		}
		return m.answered(outcome{Outcome: "value", Status: status, Value: value}), nil
	}
	return answer{}, protocolError(fmt.Sprintf("do %q; this driver knows hello, models and call", m.Do))
}

func (m message) answered(outcome outcome) answer {
	return answer{Protocol: protocolVersion, ID: m.ID, outcome: &outcome}
}

func (m message) failed(failure failure) answer {
	return m.answered(outcome{Outcome: "error", Error: &failure})
}

// describe returns what the SDK's error object reports. Expected are the types of the SDK's sdkerr package, and
// url.Error, which the SDK's manual also names.
func describe(err error) failure {
	told := failure{Class: strings.TrimPrefix(fmt.Sprintf("%T", err), "*"), Message: err.Error()}
	var (
		service     *sdkerr.ServiceResponseError
		credentials *sdkerr.CredentialsTypeError
		connection  *sdkerr.ConnectionError
		timeout     *sdkerr.RequestTimeoutError
		transport   *url.Error
		protocol    protocolError
	)
	switch {
	case errors.As(err, &service):
		told.Expected = true
		told.Message, told.Status = service.ErrorMessage, service.StatusCode
		told.Code, told.RequestID = service.ErrorCode, service.RequestId
	case errors.As(err, &credentials), errors.As(err, &connection), errors.As(err, &timeout), errors.As(err, &transport):
		told.Expected = true
	case errors.As(err, &protocol):
		told.Class = "ProtocolError"
	}
	return told
}

func introduce() *hello {
	return &hello{
		Language:       "Go " + strings.TrimPrefix(runtime.Version(), "go"),
		SDK:            sdk{Name: sdkModule[strings.LastIndex(sdkModule, "/")+1:], Version: sdkVersion()},
		Operations:     []string{"list", "create"},
		Authentication: []string{permanent, temporary},
	}
}

// sdkVersion is the version that was linked in, even if go.mod replaces the SDK by another.
func sdkVersion() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path != sdkModule {
			continue
		}
		if module.Replace != nil {
			module = module.Replace
		}
		if module.Version != "" {
			return strings.TrimPrefix(module.Version, "v")
		}
	}
	return "(devel)"
}
