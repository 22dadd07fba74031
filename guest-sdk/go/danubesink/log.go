package danubesink

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
)

// LevelTrace is below slog.LevelDebug: every step.
const LevelTrace = slog.LevelDebug - 4

// logHandler makes events of the host's log of what is logged with log/slog. It is the default handler of a component. The host
// decides which levels are shown.
type logHandler struct {
	// Writes the attributes into the buffer.
	attributes slog.Handler
	buffer     *bytes.Buffer
	mutex      *sync.Mutex
	emit       func(slog.Level, string)
}

func newLogHandler(emit func(slog.Level, string)) *logHandler {
	buffer := new(bytes.Buffer)
	withoutOwn := func(groups []string, attribute slog.Attr) slog.Attr {
		switch {
		case len(groups) > 0:
		case attribute.Key == slog.TimeKey, attribute.Key == slog.LevelKey, attribute.Key == slog.MessageKey:
			return slog.Attr{}
		}
		return attribute
	}
	attributes := slog.NewTextHandler(buffer, &slog.HandlerOptions{Level: LevelTrace, ReplaceAttr: withoutOwn})
	return &logHandler{attributes, buffer, new(sync.Mutex), emit}
}

func (h *logHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h *logHandler) Handle(ctx context.Context, record slog.Record) error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.buffer.Reset()
	if err := h.attributes.Handle(ctx, record); err != nil {
		return err
	}
	line := record.Message
	if attributes := strings.TrimSpace(h.buffer.String()); attributes != "" {
		line += " " + attributes
	}
	h.emit(record.Level, line)
	return nil
}

func (h *logHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	with := *h
	with.attributes = h.attributes.WithAttrs(attributes)
	return &with
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	with := *h
	with.attributes = h.attributes.WithGroup(name)
	return &with
}
