package form

// formerly are arguments that only earlier provider versions have.
var formerly = map[string]bool{}
