package integration

import (
	"os"
	"strings"
	"testing"
)

// codeBlock is a fenced block of a page.
type codeBlock struct {
	page string
	line int    // of its first line of text
	lang string // "console", "yaml"
	text string
}

// title is the first line where it is a comment, without the sign: what the block is.
func (b codeBlock) title() string {
	first, _, _ := strings.Cut(b.text, "\n")
	title, ok := strings.CutPrefix(first, "# ")
	if !ok {
		return ""
	}
	return title
}

// codeBlocks returns the fenced blocks of a page, in order.
func codeBlocks(t testing.TB, page string) []codeBlock {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var out []codeBlock
	var open *codeBlock
	for i, line := range strings.SplitAfter(string(text), "\n") {
		fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case isFence && open == nil:
			open = &codeBlock{page: page, line: i + 2, lang: fence}
		case isFence:
			out = append(out, *open)
			open = nil
		case open != nil:
			open.text += line
		}
	}
	if open != nil {
		t.Fatalf("%s:%d: the block has no end", page, open.line)
	}
	if len(out) == 0 {
		t.Fatalf("%s has no code blocks", page)
	}
	return out
}

// step is a command of a transcript with what it prints.
type step struct {
	line    int
	command string
	want    []string
}

// steps reads a transcript: a line that starts with "$ " is a command, with its here-document where it has one; the lines
// up to the next command are what it prints.
func (b codeBlock) steps(t testing.TB) []step {
	t.Helper()
	var out []step
	end := "" // of the here-document that is open
	for i, line := range strings.Split(strings.TrimSuffix(b.text, "\n"), "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		last := len(out) - 1
		switch {
		case end != "":
			out[last].command += "\n" + line
			if line == end {
				end = ""
			}
		case isCommand:
			out = append(out, step{line: b.line + i, command: command})
			if _, word, here := strings.Cut(command, "<<'"); here {
				end, _, _ = strings.Cut(word, "'")
			}
		case last < 0:
			t.Fatalf("%s:%d: a transcript begins with a command", b.page, b.line)
		default:
			out[last].want = append(out[last].want, line)
		}
	}
	return out
}

// elided is the line of a transcript that stands for any lines.
const elided = "…"

// matches says whether got is what want says.
func matches(want, got []string) bool {
	switch {
	case len(want) == 0:
		return len(got) == 0
	case want[0] == elided:
		for i := range len(got) + 1 {
			if matches(want[1:], got[i:]) {
				return true
			}
		}
		return false
	}
	return len(got) > 0 && want[0] == got[0] && matches(want[1:], got[1:])
}
