package cloudflare

import (
	"fmt"
	"strings"

	"github.com/mangrove-dns/mangrove/zones"
)

const nameLetters = "abcdefghijklmnopqrstuvwxyz0123456789-_/"

// apiName writes an owner as the API wants it: complete, lower case, without final dot. An owner that
// the API has no spelling for is an error: it would be taken for another name.
func apiName(n zones.Name) (string, error) {
	s := strings.TrimSuffix(n.String(), ".")
	for i, label := range strings.Split(s, ".") {
		if label == "*" && i == 0 {
			continue
		}
		if label == "" || strings.Trim(label, nameLetters) != "" {
			return "", fmt.Errorf("the name %s has characters other than a-z, 0-9, hyphen and underscore", n)
		}
	}
	return s, nil
}

// apiTarget writes a name that a record points at; the root is ".". Letters keep no case there.
func apiTarget(presentation string) (string, error) {
	n, err := zones.ParseName(presentation)
	if err != nil {
		return "", err
	}
	if n == zones.Root {
		return ".", nil
	}
	return apiName(n)
}

// readTarget is the inverse of apiTarget: a name in presentation form. Null MX was seen with empty content, too.
func readTarget(content string) (string, error) {
	if content == "" {
		return ".", nil
	}
	n, err := zones.ParseName(content)
	if err != nil {
		return "", err
	}
	return n.String(), nil
}
