// Command plinth is the whole platform in one binary.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/plinthsec/plinth/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Environ()}))
}
