package form

import (
	"testing"
)

// TestTablesParse parses every entry.
func TestTablesParse(t *testing.T) {
	tables, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, tf := range tables.Types() {
		if _, err := tables.entry(tf); err != nil {
			t.Error(err)
		}
	}
	if n := len(tables.Types()); n < 60 {
		t.Errorf("%d types have an entry", n)
	}
}

// TestDefaultsParse parses the defaults of every provider-form type.
func TestDefaultsParse(t *testing.T) {
	tables, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tables.serviceDefaults("AWS::S3::Bucket"); err != nil {
		t.Fatal(err)
	}
	for typ := range tables.service {
		if _, err := tables.serviceDefaults(typ); err != nil {
			t.Error(err)
		}
	}
}
