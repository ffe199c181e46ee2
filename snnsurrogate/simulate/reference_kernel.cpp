// Yardstick of the Brian2 engine: the Sherman-Rinzel bursting neuron written by hand.
//
// Structure of arrays, blocks of 64 neurons that stay in the first-level cache, the time loop
// around a vectorised loop over neurons, constants folded by the compiler, one V_S per neuron.
// Without -DWITH_K2 it lacks the extra potassium current, which is zero for the original model.
//
// usage: kernel NEURONS STEPS EVERY   (1 ms RK4 steps; records of the state to memory)
// prints: seconds, and the sum of the last record of V as a check
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr int block = 64;
constexpr double dt = 1e-3, tau = 0.02, tau_S = 35.0, sigma = 0.93;
constexpr double g_Ca = 3.6, g_K = 10.0, g_S = 4.0, V_Ca = 25.0, V_K = -75.0;
constexpr double V_m = -20.0, theta_m = 12.0, V_n = -16.0, theta_n = 5.6, theta_S = 10.0;
#ifdef WITH_K2
constexpr double V_p = -49.5, theta_p = 1.0;
#endif

struct Rates {
    double V, n, S;
};

inline Rates rhs(double V, double n, double S, double V_S, double g_K2) {
    const double m_inf = 1.0 / (1.0 + std::exp((V_m - V) * (1.0 / theta_m)));
    const double n_inf = 1.0 / (1.0 + std::exp((V_n - V) * (1.0 / theta_n)));
    const double S_inf = 1.0 / (1.0 + std::exp((V_S - V) * (1.0 / theta_S)));
    double g = g_K * n + g_S * S;
#ifdef WITH_K2
    const double e_p = std::exp((V - V_p) * (1.0 / theta_p));
    g += g_K2 * e_p / (1.0 + e_p * e_p);
#endif
    return {-(g_Ca * m_inf * (V - V_Ca) + g * (V - V_K)) * (1.0 / tau),
            sigma * (n_inf - n) * (1.0 / tau), (S_inf - S) * (1.0 / tau_S)};
}

void step(double* __restrict Vs, double* __restrict ns, double* __restrict Ss,
          const double* __restrict V_S, const double* __restrict g_K2) {
#pragma omp simd
    for (int i = 0; i < block; i++) {
        const double V = Vs[i], n = ns[i], S = Ss[i], c = V_S[i], g = g_K2[i];
        const Rates a = rhs(V, n, S, c, g);
        const Rates b = rhs(V + dt / 2 * a.V, n + dt / 2 * a.n, S + dt / 2 * a.S, c, g);
        const Rates e = rhs(V + dt / 2 * b.V, n + dt / 2 * b.n, S + dt / 2 * b.S, c, g);
        const Rates f = rhs(V + dt * e.V, n + dt * e.n, S + dt * e.S, c, g);
        Vs[i] = V + dt / 6 * (a.V + 2 * b.V + 2 * e.V + f.V);
        ns[i] = n + dt / 6 * (a.n + 2 * b.n + 2 * e.n + f.n);
        Ss[i] = S + dt / 6 * (a.S + 2 * b.S + 2 * e.S + f.S);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const int blocks = (std::atoi(argv[1]) + block - 1) / block;
    const long steps = std::atol(argv[2]), every = std::atol(argv[3]);
    std::vector<double> record(3 * block * (steps / every + 1));
    double total = 0;
    const auto start = std::chrono::steady_clock::now();
    for (int k = 0; k < blocks; k++) {
        alignas(64) double V[block], n[block], S[block], V_S[block], g_K2[block];
        for (int i = 0; i < block; i++) {
            V[i] = -30.0, n[i] = 0.0206, S[i] = 0.178, g_K2[i] = 0.0;
            V_S[i] = -44.0 + 11.0 * (k * block + i) / (blocks * block - 1);
        }
        double* out = record.data();
        for (long s = 0; s <= steps; s++) {
            if (s % every == 0)
                for (const double* x : {V, n, S})
                    for (int i = 0; i < block; i++) *out++ = x[i];
            if (s < steps) step(V, n, S, V_S, g_K2);
        }
        for (int i = 0; i < block; i++) total += V[i];
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    std::printf("%.9g %.17g\n", seconds.count(), total);
    return 0;
}
