package demo

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

const lernitoPath = "/api/lernito/webhook/"

// partnerStep sends what Lernito sends: signed over its JSON with sorted keys, which this one has already. The answer
// comes after Open edX has answered.
func partnerStep(ctx context.Context, st *stage, s *screen) error {
	body := fmt.Appendf(nil, `{"courseIds":[%q],"email":%q,"family":"Torvalds","name":"Linus","username":"linus"}`, sqlCourse, linus)
	mac := hmac.New(sha256.New, []byte(lernitoSecret))
	mac.Write(body)
	a, err := st.post(ctx, lernitoPath, body, map[string]string{"X-Lernito-Signature": hex.EncodeToString(mac.Sum(nil))})
	if err != nil {
		return err
	}
	s.sent(fmt.Sprintf("%s into %s", linus, sqlCourse), st.doorURL+lernitoPath, a)
	if err := a.expect(200); err != nil {
		return err
	}
	var outcome struct {
		Success bool   `json:"success"`
		Message string `json:"message"`
	}
	if err := json.Unmarshal([]byte(a.body), &outcome); err != nil || !outcome.Success {
		return fmt.Errorf("the answer is %s", a.body)
	}
	if !st.allowed(linus, sqlCourse) {
		return fmt.Errorf("the answer says %q, and Open edX knows no allowance", outcome.Message)
	}
	s.good("the answer says %q, and it is true", outcome.Message)
	return nil
}
