//go:build !wasip1

package http

// AnswerWith is what answers requests in tests of a sink, which run natively. There is no such thing in a component.
var AnswerWith func(*Request) (*Response, error)

func send(requests []*Request) []Answer {
	answers := make([]Answer, len(requests))
	for i, request := range requests {
		if AnswerWith == nil {
			answers[i].Err = &Error{Kind: Connect, Reason: "set http.AnswerWith to answer requests in a test"}
			continue
		}
		answers[i].Response, answers[i].Err = AnswerWith(request)
	}
	return answers
}
