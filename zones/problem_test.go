package zones

import "testing"

func TestProblemString(t *testing.T) {
	tests := []struct {
		p    Problem
		want string
	}{
		{Problem{Pos{"f.zone", 3, 7}, Error, "bad"}, "f.zone:3:7: bad"},
		{Problem{Pos{"f.zone", 3, 7}, Warning, "odd"}, "f.zone:3:7: warning: odd"},
		{Problem{Pos{"f.zone", 3, 0}, Error, "bad"}, "f.zone:3: bad"},
		{Problem{Pos{"f.zone", 0, 0}, Error, "bad"}, "f.zone: bad"},
		{Problem{Pos{}, Error, "bad"}, "bad"},
		{Problem{Pos{}, Warning, "odd"}, "warning: odd"},
	}
	for _, tt := range tests {
		if got := tt.p.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if Error.String() != "error" || Warning.String() != "warning" {
		t.Errorf("got %s, %s", Error, Warning)
	}
}
