// Package providers brings DNS services to hold what we serve: it projects a served zone onto what a
// provider can hold, plans the difference, guards the plan, applies it and verifies the outcome.
package providers
