package client

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// wordAnswerBytesMax bounds the answer to a four-letter word.
const wordAnswerBytesMax = 64 << 20

// FourLetterWord sends a command such as "srvr" to the server at addr and
// returns its answer.
func FourLetterWord(ctx context.Context, addr, word string) (string, error) {
	if len(word) != 4 {
		return "", fmt.Errorf("%w: %q is not a four-letter word", ErrOptions, word)
	}
	return ask(ctx, addr, word, word)
}

// Operate has the server at addr carry out an operator's command, such as
// "elect", and returns its answer. It needs no session; the server's setting
// operators says who may.
func Operate(ctx context.Context, addr, command string) (string, error) {
	return ask(ctx, addr, command, "oper "+command+"\n")
}

func ask(ctx context.Context, addr, word, text string) (string, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer nc.Close()                                                           //nolint:errcheck // the answer has been read
	defer context.AfterFunc(ctx, func() { nc.SetDeadline(time.Unix(1, 0)) })() //nolint:errcheck // the read below fails then
	if _, err = io.WriteString(nc, text); err != nil {
		return "", fmt.Errorf("%s to %s: %w", word, addr, err)
	}
	answer, err := io.ReadAll(io.LimitReader(nc, wordAnswerBytesMax))
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("%s to %s: %w", word, addr, err)
	}
	return string(answer), nil
}
