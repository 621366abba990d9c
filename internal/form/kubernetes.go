package form

import "github.com/plinthsec/plinth"

// kubernetesObject turns a kubernetes_* resource into the API object that it declares.
func kubernetesObject(r *plinth.Resource) bool { return false }
