package compose_test

import (
	"testing"

	"github.com/plinthsec/plinth/internal/read/compose"
	"github.com/plinthsec/plinth/internal/read/readtest"
)

const sample = `x-common: &common
  restart: on-failure:3
services:
  web:
    <<: *common
    image: "registry.example.org/web:${TAG:-1.4}"
    ports: ["127.0.0.1:8080:80/tcp", "53"]
    volumes:
    - ./data:/data:ro
    - type: bind
      source: ${HOME}
      target: /home
    environment: [A=1, B]
  worker:
    extends: web
`

func TestGolden(t *testing.T) { readtest.Golden(t, compose.New(), "testdata/*.txtar") }

func TestHostile(t *testing.T) { readtest.Hostile(t, compose.New(), "compose.yaml", sample) }

func TestWants(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"docker-compose.yml", sample, true},
		{"deploy/docker-compose.prod.yaml", "services:\n  web:\n    ports: [80]\n", true},
		{"compose.yaml", "# shop\n\"services\":\n", true},
		{"stack.yml", sample, true},
		{"stack.yml", "# web\n---\n  services:\n    web:\n      build: .\n", true},
		{"stack.yml", "services:\n  web:\n    class: App\n", false},
		{"services.yaml", "services:\n    _defaults:\n        autowire: true\n", false},
		{"compose.txt", sample, false},
		{"compose.yaml", "volumes: {}\n", false},
		{"compose.yaml", "apiVersion: v1\nkind: X\nservices:\n  a:\n    image: b\n", false},
		{"ci.yml", "jobs:\n  a:\n    services:\n      db:\n        image: postgres\n", false},
		{"ci.yml", "services:\n  - docker:dind\nbuild:\n  image: x\n", false},
	} {
		if got := compose.New().Wants(c.name, []byte(c.text)); got != c.want {
			t.Errorf("Wants(%s, %q) = %v", c.name, c.text, got)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("services:\n  a: {extends: {service: b}, ports: ['${A:-${B:+[::1]}}:1-2:3-4/udp', {target: 1, published: '2-3'}]}\n  b: {extends: a, image: $$x$Y}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		readtest.Print(readtest.Run(t, compose.New(), map[string]string{"compose.yaml": string(data), ".env": string(data)}))
	})
}
