#include "codes/projection.h"

#include <algorithm>
#include <cmath>

#include "codes/rotation.h"
#include "hash.h"
#include "threads.h"

namespace nearfield {
namespace {

constexpr int kTimes = 6;  // of the subspace iteration
constexpr std::uint64_t kSeed = 0x617865;

// Rows of floats, one after the other.
struct Matrix {
  Matrix(std::size_t num_rows, std::size_t row_length)
      : rows(num_rows), length(row_length), values(num_rows * row_length, 0.0f) {}
  float* row(std::size_t i) { return values.data() + i * length; }
  const float* row(std::size_t i) const { return values.data() + i * length; }
  std::size_t rows, length;
  std::vector<float> values;
};

std::vector<float> mean_of(const Matrix& matrix) {
  std::vector<double> sums(matrix.length, 0.0);
  for (std::size_t i = 0; i < matrix.rows; ++i) {
    const float* row = matrix.row(i);
    for (std::size_t d = 0; d < matrix.length; ++d) sums[d] += static_cast<double>(row[d]);
  }
  std::vector<float> mean(matrix.length);
  const double rows = static_cast<double>(matrix.rows);
  for (std::size_t d = 0; d < matrix.length; ++d) mean[d] = static_cast<float>(sums[d] / rows);
  return mean;
}

void subtract(Matrix& matrix, const std::vector<float>& vector) {
  for (std::size_t i = 0; i < matrix.rows; ++i) {
    float* row = matrix.row(i);
    for (std::size_t d = 0; d < matrix.length; ++d) row[d] -= vector[d];
  }
}

// Products of all rows of a with all rows of b: row i of the result belongs to row i of a.
Matrix products(const Matrix& a, const Matrix& b, const ProjectionSample& sample) {
  Matrix out(a.rows, b.rows);
  parallel_for(a.rows, sample.num_threads, [&](std::size_t, std::size_t i) {
    for (std::size_t j = 0; j < b.rows; ++j) out.row(i)[j] = sample.dot(a.row(i), b.row(j), a.length);
  });
  return out;
}

// Of the components: a padded square, row by row.
Matrix covariance(const Matrix& centered, const ProjectionSample& sample) {
  const std::size_t n = sample.padded;
  Matrix turned(n, centered.rows);
  for (std::size_t i = 0; i < centered.rows; ++i) {
    for (std::size_t d = 0; d < n; ++d) turned.row(d)[i] = centered.row(i)[d];
  }
  Matrix out(n, n);
  parallel_for(sample.dimensions, sample.num_threads, [&](std::size_t, std::size_t i) {
    for (std::size_t j = 0; j <= i; ++j) out.row(i)[j] = sample.dot(turned.row(i), turned.row(j), turned.length);
  });
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) out.row(i)[j] = out.row(j)[i];
  }
  return out;
}

// Each row less its parts along those before it, and at unit length (modified Gram-Schmidt). A row of which nothing is
// left becomes zero.
void orthonormalise(Matrix& axes, const ProjectionSample& sample) {
  for (std::size_t i = 0; i < axes.rows; ++i) {
    float* axis = axes.row(i);
    const float before = sample.dot(axis, axis, axes.length);
    for (std::size_t j = 0; j < i; ++j) {
      const float* other = axes.row(j);
      const float along = sample.dot(axis, other, axes.length);
      for (std::size_t d = 0; d < axes.length; ++d) axis[d] -= along * other[d];
    }
    const float squares = sample.dot(axis, axis, axes.length);
    const float factor = squares > 1e-8f * before ? 1.0f / std::sqrt(squares) : 0.0f;
    for (std::size_t d = 0; d < axes.length; ++d) axis[d] *= factor;
  }
}

// The directions of most variance (subspace iteration: Rutishauser 1970). They need not be exact: what
// matters is how much of the vectors they hold together.
Matrix principal_axes(const Matrix& covariances, const ProjectionSample& sample) {
  Matrix axes(kSketchAxes, sample.padded);
  for (std::size_t a = 0; a < kSketchAxes; ++a) {
    for (std::size_t d = 0; d < sample.dimensions; ++d) {
      axes.row(a)[d] = mix64(kSeed ^ mix64(a << 32 | d)) & 1 ? 1.0f : -1.0f;
    }
  }
  for (int time = 0; time < kTimes; ++time) {
    axes = products(axes, covariances, sample);
    orthonormalise(axes, sample);
  }
  return axes;
}

// Mix the axes with one another, so that all of them vary about alike: their codes share one step.
void mix(Matrix& axes) {
  std::vector<float> column(axes.rows);
  for (std::size_t d = 0; d < axes.length; ++d) {
    for (std::size_t a = 0; a < axes.rows; ++a) column[a] = axes.row(a)[d];
    rotate(column.data(), axes.rows);
    for (std::size_t a = 0; a < axes.rows; ++a) axes.row(a)[d] = column[a];
  }
}

Projection rounded(const Matrix& axes, std::vector<float> center) {
  Projection projection;
  projection.center = std::move(center);
  float largest = 0;
  for (const float x : axes.values) largest = std::max(largest, std::fabs(x));
  projection.axis_step = largest / 127.0f;
  const std::size_t bytes = axis_bytes(axes.length);
  projection.axes.assign(axes.rows * bytes, 0);
  for (std::size_t a = 0; a < axes.rows && largest > 0; ++a) {
    for (std::size_t d = 0; d < axes.length; ++d) {
      projection.axes[a * bytes + d] = static_cast<signed char>(std::lrint(axes.row(a)[d] / largest * 127.0f));
    }
  }
  return projection;
}

}  // namespace

std::optional<Projection> fit_projection(const ProjectionSample& sample) {
  Matrix rows(sample.rows, sample.padded);
  for (std::size_t i = 0; i < rows.rows; ++i) std::copy_n(sample.row(i), sample.padded, rows.row(i));
  std::vector<float> center = mean_of(rows);
  subtract(rows, center);
  float largest = 0;
  for (const float x : rows.values) largest = std::max(largest, std::fabs(x));
  if (!(largest > 0x1p-100f && largest < 0x1p100f)) return std::nullopt;
  // On a scale of their own, so that the squares of covariances stay in the range of floats.
  for (float& x : rows.values) x /= largest;
  Matrix axes = principal_axes(covariance(rows, sample), sample);
  mix(axes);
  return rounded(axes, std::move(center));
}

}  // namespace nearfield
