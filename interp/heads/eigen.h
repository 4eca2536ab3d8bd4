// The eigenvalues of a real matrix that need not be symmetric: what is left of a map when it is
// applied again and again. First it is brought into Hessenberg form, zero below the first
// subdiagonal, by reflections; then QR steps with a shift near an eigenvalue make one subdiagonal
// number after the other vanish.
#pragma once
#include <complex>
#include <vector>

namespace glass {

// a: (n,n), row after row. In no particular order; complex ones come in pairs, to within rounding.
std::vector<std::complex<double>> eigenvalues(std::vector<double> a, std::size_t n);

}   // namespace glass
