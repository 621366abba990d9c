package module

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The registry protocol: https://developer.hashicorp.com/terraform/internals/module-registry-protocol and, for the address of a
// host's services, https://developer.hashicorp.com/terraform/internals/remote-service-discovery

// token returns the token for a host: TF_TOKEN_ and the host's name, with _ for a dot and __ for a hyphen.
func (f *Fetcher) token(host string) string {
	found := ""
	for _, e := range f.env {
		name, value, _ := strings.Cut(e, "=")
		rest, ok := strings.CutPrefix(name, "TF_TOKEN_")
		if !ok {
			continue
		}
		rest = strings.ReplaceAll(strings.ReplaceAll(rest, "__", "-"), "_", ".")
		if strings.EqualFold(rest, host) {
			found = value
		}
	}
	return found
}

// fromRegistry finds the version that the constraint asks for, and what the registry says of it.
func (f *Fetcher) fromRegistry(ctx context.Context, a address, constraints []constraint) (entry, string, error) {
	if v, ok := exact(constraints); ok {
		if e, ok := f.cache.ref(registryKey(a, v)); ok {
			return e, v.text, nil
		}
	}
	service, err := f.service(ctx, a.host)
	if err != nil {
		return entry{}, "", err
	}
	v, err := f.choose(ctx, a, service, constraints)
	if err != nil {
		return entry{}, "", f.explain(a.host, err)
	}
	key := registryKey(a, v)
	if e, ok := f.cache.ref(key); ok {
		return e, v.text, nil
	}
	to, from, err := f.whereabouts(ctx, a, service, v)
	if err != nil {
		return entry{}, "", f.explain(a.host, err)
	}
	e, err := f.follow(ctx, from, to, 1)
	if err != nil {
		return entry{}, "", err
	}
	e.Key = key
	return e, v.text, f.cache.setRef(e)
}

func registryKey(a address, v version) string {
	return "registry " + a.host + "/" + a.module + " " + v.text
}

// explain adds where a token is read from when a registry wants one.
func (f *Fetcher) explain(host string, err error) error {
	var s *status
	if !errors.As(err, &s) || s.code != http.StatusUnauthorized && s.code != http.StatusForbidden {
		return err
	}
	variable := "TF_TOKEN_" + strings.ReplaceAll(strings.ReplaceAll(host, "-", "__"), ".", "_")
	if f.token(host) != "" {
		return fmt.Errorf("%w: it does not take the token in %s", err, variable)
	}
	return fmt.Errorf("%w: it wants a token, which is read from %s", err, variable)
}

// service returns the address of a host's module registry.
func (f *Fetcher) service(ctx context.Context, host string) (*url.URL, error) {
	f.mu.Lock()
	known := f.services[host]
	f.mu.Unlock()
	if known != nil {
		return known, nil
	}
	u, err := f.discover(ctx, host)
	if err != nil {
		return nil, f.explain(host, err)
	}
	f.mu.Lock()
	f.services[host] = u
	f.mu.Unlock()
	return u, nil
}

func (f *Fetcher) discover(ctx context.Context, host string) (*url.URL, error) {
	u := &url.URL{Scheme: "https", Host: host, Path: "/.well-known/terraform.json"}
	data, res, err := f.document(ctx, u, f.token(host))
	if err != nil {
		return nil, err
	}
	var doc struct {
		Modules string `json:"modules.v1"`
	}
	if json.Unmarshal(data, &doc) != nil || doc.Modules == "" {
		return nil, fmt.Errorf("%s is no registry of modules: its /.well-known/terraform.json names none", host)
	}
	service, err := res.Request.URL.Parse(doc.Modules)
	if err != nil || service.Scheme != "https" || service.Host == "" {
		return nil, fmt.Errorf("%s names a registry of modules that has no https address", host)
	}
	if !strings.HasSuffix(service.Path, "/") {
		service.Path += "/"
	}
	return service, nil
}

// choose picks the newest version that the constraints allow.
func (f *Fetcher) choose(ctx context.Context, a address, service *url.URL, constraints []constraint) (version, error) {
	data, _, err := f.document(ctx, service.JoinPath(a.module, "versions"), f.token(a.host))
	if err != nil {
		return version{}, err
	}
	var doc struct {
		Modules []struct {
			Versions []struct{ Version string }
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return version{}, fmt.Errorf("the versions that %s lists are no JSON: %w", a.host, err)
	}
	var all []string
	for _, m := range doc.Modules[:min(1, len(doc.Modules))] {
		for _, v := range m.Versions {
			all = append(all, v.Version)
		}
	}
	if len(all) == 0 {
		return version{}, fmt.Errorf("%s lists no version of it", a.host)
	}
	v, ok := newest(all, constraints)
	if !ok {
		return version{}, fmt.Errorf("none of its %d versions at %s satisfies the constraint%s", len(all), a.host, latest(all))
	}
	return v, nil
}

func latest(all []string) string {
	if v, ok := newest(all, nil); ok {
		return "; the newest is " + v.text
	}
	return ""
}

// whereabouts asks where the files of a version are.
func (f *Fetcher) whereabouts(ctx context.Context, a address, service *url.URL, v version) (string, *url.URL, error) {
	data, res, err := f.document(ctx, service.JoinPath(a.module, url.PathEscape(v.text), "download"), f.token(a.host))
	if err != nil {
		return "", nil, err
	}
	to := res.Header.Get("X-Terraform-Get")
	if to == "" && len(data) > 0 { // OpenTofu's way
		var doc struct{ Location string }
		if json.Unmarshal(data, &doc) == nil {
			to = doc.Location
		}
	}
	if to == "" {
		return "", nil, fmt.Errorf("%s does not say where version %s is", a.host, v.text)
	}
	if slices.ContainsFunc([]byte(to), func(c byte) bool { return c < ' ' }) {
		return "", nil, fmt.Errorf("%s gives an address with control characters", a.host)
	}
	return to, res.Request.URL, nil
}
