// Command cce-driver makes the calls that it reads from standard input, one JSON message a line, through the
// vendor's Go SDK, and writes what the SDK's objects hold to standard output, one JSON message a line.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
)

func main() {
	answers := bufio.NewWriter(os.Stdout)
	// Only answers may reach standard output, whatever a library prints.
	os.Stdout = os.Stderr

	encoder := json.NewEncoder(answers)
	encoder.SetEscapeHTML(false)
	clients := newClients()
	// Not a bufio.Scanner: it refuses long lines.
	messages := bufio.NewReader(os.Stdin)
	for {
		line, readErr := messages.ReadBytes('\n')
		if len(line) > 0 {
			err := encoder.Encode(respond(line, clients))
			if err == nil {
				err = answers.Flush()
			}
			if err != nil {
				fatal(err)
			}
		}
		if errors.Is(readErr, io.EOF) {
			return
		}
		if readErr != nil {
			fatal(readErr)
		}
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "cce-driver:", err)
	os.Exit(1)
}

// respond answers one message. Every failure becomes an answer, even a panic within the SDK.
func respond(line []byte, clients *clients) (answer answer) {
	var message message
	err := decode(line, &message)
	defer func() {
		if reason := recover(); reason != nil {
			fmt.Fprintf(os.Stderr, "panic: %v\n%s", reason, debug.Stack())
			answer = message.failed(failure{Class: "panic", Panic: true, Message: fmt.Sprint(reason)})
		}
	}()
	if err == nil {
		answer, err = message.carryOut(clients)
	}
	if err != nil {
		return message.failed(describe(err))
	}
	return answer
}
