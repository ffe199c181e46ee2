// What a network's program does besides Brian2's own steps: it reads plans from stdin, writes
// frames to stdout, and keeps nothing that grows with the length of a run. Included by the
// generated main.cpp; the plan and the frames are described in _network_protocol.py.
#ifndef SNNSURROGATE_NETWORK_DRIVER_H
#define SNNSURROGATE_NETWORK_DRIVER_H

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <vector>

namespace snn {

enum Status { FINISHED = 0, RUNAWAY = 1, NON_FINITE = 2 };
enum Frame { SPIKES = 1, RECORDS = 2, PROGRESS = 3, END = 4 };

const size_t BUFFERED_SPIKES = 1 << 15;
const size_t BUFFERED_BYTES = 1 << 18;  // of records

inline void fail(const char* words, int status)
{
    std::fprintf(stderr, "%s\n", words);
    std::_Exit(status);
}

inline void get(void* into, size_t bytes)
{
    if (bytes && std::fread(into, 1, bytes, stdin) != bytes) fail("the plan is incomplete", 3);
}

inline void put(const void* from, size_t bytes)
{
    if (bytes && std::fwrite(from, 1, bytes, stdout) != bytes) std::_Exit(4);  // no reader left
}

// -ffast-math takes every comparison with a non-finite number for decided: look at the bits.
inline bool finite(const double* values, size_t n)
{
    const uint64_t exponent = 0x7ff0000000000000ull;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits;
        std::memcpy(&bits, values + i, sizeof bits);
        if ((bits & exponent) == exponent) return false;
    }
    return true;
}

struct Plan {
    int64_t seed, stream, skip, every, records, first, goes_on, spikes, window, carry_bytes;
    double dt, runaway;

    // False at the end of the input.
    bool read(int64_t magic, int64_t n_parameters, std::vector<double>& parameters)
    {
        int64_t head[12];
        const size_t got = std::fread(head, 1, sizeof head, stdin);
        if (got == 0) return false;
        if (got != sizeof head || head[0] != magic || head[1] != n_parameters)
            fail("not a plan of this program", 3);
        seed = head[2]; stream = head[3]; skip = head[4]; every = head[5]; records = head[6];
        first = head[7]; goes_on = head[8]; spikes = head[9]; window = head[10];
        carry_bytes = head[11];
        get(&dt, sizeof dt);
        get(&runaway, sizeof runaway);
        parameters.resize(n_parameters);
        get(parameters.data(), n_parameters * sizeof(double));
        return true;
    }
};

// The generator takes 32 bits of a seed: the rest of the mixed bits are draws thrown away.
template <typename Generator>
void seed(Generator& generator, int64_t seed, int64_t stream)
{
    uint64_t x = (uint64_t)seed * 0x9e3779b97f4a7c15ull + (uint64_t)(stream + 2) * 0xd1342543de82ef95ull;
    x ^= x >> 30; x *= 0xbf58476d1ce4e5b9ull;  // splitmix64
    x ^= x >> 27; x *= 0x94d049bb133111ebull;
    x ^= x >> 31;
    generator.seed((unsigned long)(x & 0xffffffffull));
    for (uint64_t i = 0; i < (x >> 52); i++) generator.rand();
}

struct Population {
    int32_t size;
    int32_t* spikes;                  // indices of this step; their count is at [size]
    int8_t (*cause)(int32_t);         // NULL where no causes are stated
    std::vector<int32_t*> counters;   // "spikes_<name>" of the groups that use it
};

struct Series {
    double (*value)();
};

struct Histogram {
    void (*count)(double low, double inverse_width, int64_t bins, uint16_t* into);
    double low, inverse_width;
    int64_t bins;

    void read()
    {
        double numbers[3];
        get(numbers, sizeof numbers);
        low = numbers[0];
        inverse_width = 1.0 / numbers[1];
        bins = (int64_t)numbers[2];
    }
};

template <typename T>
double sum(const T* values, int64_t n)
{
    double total = 0;
    for (int64_t i = 0; i < n; i++) total += values[i];
    return total;
}

inline void count_one(double value, double low, double inverse_width, int64_t bins, uint16_t* into)
{
    const double place = (value - low) * inverse_width + 1e-9;  // a value at an edge goes up
    int64_t bin = place >= bins ? bins - 1 : (int64_t)place;
    if (bin < 0) bin = 0;  // also what a cast makes of NaN
    if (into[bin] < 65535) into[bin]++;
}

template <typename T>
void count(const T* values, int64_t n, double low, double inverse_width, int64_t bins, uint16_t* into)
{
    for (int64_t i = 0; i < n; i++) count_one(values[i], low, inverse_width, bins, into);
}

template <typename T, typename W>
void count(const T* values, const W* where, int64_t n, double low, double inverse_width, int64_t bins, uint16_t* into)
{
    for (int64_t i = 0; i < n; i++)
        if (where[i] > 0) count_one(values[i], low, inverse_width, bins, into);
}

// Order synapses by source, then target. They hold nothing but their ends yet.
inline void by_source(std::vector<int32_t>& source, std::vector<int32_t>& target, int32_t n)
{
    std::vector<size_t> place(n + 1, 0);
    for (size_t k = 0; k < source.size(); k++) place[source[k] + 1]++;
    for (int32_t i = 0; i < n; i++) place[i + 1] += place[i];
    std::vector<int32_t> sorted(target.size());
    for (size_t k = 0; k < source.size(); k++) sorted[place[source[k]]++] = target[k];
    target.swap(sorted);
    std::sort(source.begin(), source.end());
}

// State that a piece hands to the next one.
struct Blob {
    char* data;
    size_t bytes;
    bool real;
};

typedef void (*Step)();

struct Driver {
    std::vector<Population> populations;
    std::vector<Series> series;
    std::vector<Histogram> histograms;
    std::vector<Blob> blobs;
    std::vector<Step> start, before, after;  // of a step: up to the thresholds, and the rest
    std::vector<Step> replay;                // pathways: advance their queues, push the spikes
    int64_t memory;                          // steps of spikes that may still be under way
    double dt;
    int64_t* timestep;
    double* t;
    int64_t origin;                          // step at which the transient ended
    std::vector<int64_t> window;             // spikes of each population since the last check
    std::vector<int64_t> counts;             // since the last record
    std::deque<std::vector<int32_t> > past;  // per step: for each population count, indices
    Plan plan;

    std::vector<int64_t> spike_step;
    std::vector<int32_t> spike_neuron;
    std::vector<int8_t> spike_population, spike_cause;
    std::vector<char> rows;
    int64_t buffered_rows;

    Driver() : memory(0), origin(0), buffered_rows(0) {}

    void frame(int64_t kind, int64_t n)
    {
        const int64_t head[2] = {kind, n};
        put(head, sizeof head);
    }

    void flush_spikes()
    {
        const size_t n = spike_step.size();
        if (n == 0) return;
        frame(SPIKES, n);
        put(spike_step.data(), n * sizeof(int64_t));
        put(spike_neuron.data(), n * sizeof(int32_t));
        put(spike_population.data(), n);
        put(spike_cause.data(), n);
        spike_step.clear(); spike_neuron.clear(); spike_population.clear(); spike_cause.clear();
    }

    void flush_rows()
    {
        if (buffered_rows == 0) return;
        frame(RECORDS, buffered_rows);
        put(rows.data(), rows.size());
        rows.clear();
        buffered_rows = 0;
    }

    template <typename T>
    void add(const T* values, size_t n)
    {
        const char* bytes = reinterpret_cast<const char*>(values);
        rows.insert(rows.end(), bytes, bytes + n * sizeof(T));
    }

    void record()
    {
        add(counts.data(), counts.size());
        std::fill(counts.begin(), counts.end(), 0);
        for (size_t i = 0; i < series.size(); i++) {
            const double value = series[i].value();
            add(&value, 1);
        }
        std::vector<uint16_t> bins;
        for (size_t i = 0; i < histograms.size(); i++) {
            if (histograms[i].bins == 0) continue;
            bins.assign(histograms[i].bins, 0);
            histograms[i].count(histograms[i].low, histograms[i].inverse_width, histograms[i].bins, bins.data());
            add(bins.data(), bins.size());
        }
        buffered_rows++;
        if (rows.size() >= BUFFERED_BYTES) flush_rows();
    }

    void read_spikes(bool wanted)
    {
        const int64_t ended = timestep[0] + 1 - origin;
        for (size_t p = 0; p < populations.size(); p++) {
            const Population& population = populations[p];
            const int32_t n = population.spikes[population.size];
            counts[p] += n;
            window[p] += n;
            if (!wanted) continue;
            for (int32_t k = 0; k < n; k++) {
                const int32_t neuron = population.spikes[k];
                spike_step.push_back(ended);
                spike_neuron.push_back(neuron);
                spike_population.push_back((int8_t)p);
                spike_cause.push_back(population.cause ? population.cause(neuron) : 0);
            }
        }
        if (spike_step.size() >= BUFFERED_SPIKES) flush_spikes();
    }

    void remember()
    {
        std::vector<int32_t> step;
        if ((int64_t)past.size() >= memory) {
            step.swap(past.front());
            past.pop_front();
            step.clear();
        }
        for (size_t p = 0; p < populations.size(); p++) {
            const Population& population = populations[p];
            const int32_t n = population.spikes[population.size];
            step.push_back(n);
            step.insert(step.end(), population.spikes, population.spikes + n);
        }
        past.push_back(std::vector<int32_t>());
        past.back().swap(step);
    }

    void one_step(bool wanted)
    {
        for (size_t i = 0; i < before.size(); i++) before[i]();
        read_spikes(wanted);
        for (size_t i = 0; i < after.size(); i++) after[i]();
        if (memory) remember();
        for (size_t p = 0; p < populations.size(); p++)
            for (size_t i = 0; i < populations[p].counters.size(); i++)
                populations[p].counters[i][0] = populations[p].spikes[populations[p].size];
        timestep[0] += 1;
        t[0] = timestep[0] * dt;
    }

    bool all_finite() const
    {
        for (size_t i = 0; i < blobs.size(); i++)
            if (blobs[i].real
                && !finite(reinterpret_cast<const double*>(blobs[i].data), blobs[i].bytes / sizeof(double)))
                return false;
        return true;
    }

    Status check()
    {
        flush_rows();
        flush_spikes();
        frame(PROGRESS, plan.window);
        std::fflush(stdout);
        Status status = all_finite() ? FINISHED : NON_FINITE;
        for (size_t p = 0; p < populations.size(); p++) {
            if (window[p] > plan.runaway * plan.window * dt * populations[p].size) status = RUNAWAY;
            window[p] = 0;
        }
        return status;
    }

    Status steps(int64_t n, int64_t silent)
    {
        for (int64_t i = 0; i < n; i++) {
            if (i == silent) std::fill(counts.begin(), counts.end(), 0);
            one_step(plan.spikes && timestep[0] >= origin);
            if (timestep[0] % plan.window == 0) {
                const Status status = check();
                if (status != FINISHED) return status;
            }
        }
        return FINISHED;
    }

    // Header, states, then the spikes that may still be under way.
    void save()
    {
        std::vector<char> bytes;
        rows.swap(bytes);
        add(timestep, 1);
        add(&origin, 1);
        add(window.data(), window.size());
        for (size_t i = 0; i < blobs.size(); i++) add(blobs[i].data, blobs[i].bytes);
        for (size_t k = 0; k < past.size(); k++) add(past[k].data(), past[k].size());
        rows.swap(bytes);
        put(bytes.data(), bytes.size());
    }

    int64_t saved_bytes() const
    {
        size_t bytes = (2 + window.size()) * sizeof(int64_t);
        for (size_t i = 0; i < blobs.size(); i++) bytes += blobs[i].bytes;
        for (size_t k = 0; k < past.size(); k++) bytes += past[k].size() * sizeof(int32_t);
        return bytes;
    }

    void restore()
    {
        std::vector<char> bytes(plan.carry_bytes);
        get(bytes.data(), bytes.size());
        size_t fixed = (2 + window.size()) * sizeof(int64_t);
        for (size_t i = 0; i < blobs.size(); i++) fixed += blobs[i].bytes;
        if (bytes.size() < fixed) fail("the carried state does not fit this program", 3);
        const char* at = bytes.data();
        const char* end = at + bytes.size();
        std::memcpy(timestep, at, sizeof(int64_t)); at += sizeof(int64_t);
        std::memcpy(&origin, at, sizeof(int64_t)); at += sizeof(int64_t);
        std::memcpy(window.data(), at, window.size() * sizeof(int64_t)); at += window.size() * sizeof(int64_t);
        std::vector<const char*> places;
        for (size_t i = 0; i < blobs.size(); i++) { places.push_back(at); at += blobs[i].bytes; }
        // Replayed before the states are put back: the spike spaces are among them.
        while (at < end) {
            std::vector<int32_t> step;
            for (size_t p = 0; p < populations.size(); p++) {
                int32_t n;
                std::memcpy(&n, at, sizeof n); at += sizeof n;
                if (n < 0 || n > populations[p].size || at + (size_t)n * sizeof n > end)
                    fail("the carried state does not fit this program", 3);
                int32_t* spikes = populations[p].spikes;
                std::memcpy(spikes, at, n * sizeof n); at += n * sizeof n;
                spikes[populations[p].size] = n;
                step.push_back(n);
                step.insert(step.end(), spikes, spikes + n);
            }
            for (size_t i = 0; i < replay.size(); i++) replay[i]();
            past.push_back(step);
        }
        for (size_t i = 0; i < blobs.size(); i++) std::memcpy(blobs[i].data, places[i], blobs[i].bytes);
        t[0] = timestep[0] * dt;
    }

    void begin()
    {
        window.assign(populations.size(), 0);
        counts.assign(populations.size(), 0);
    }

    void piece()
    {
        Status status = FINISHED;
        if (plan.first) {
            for (size_t i = 0; i < start.size(); i++) start[i]();
            origin = plan.skip;
            // The rate at time 0 is that of the last recording step before it.
            status = steps(plan.skip, plan.skip > plan.every ? plan.skip - plan.every : -1);
            if (status == FINISHED) record();
        }
        else if (!all_finite()) status = NON_FINITE;
        for (int64_t k = plan.first; k < plan.records && status == FINISHED; k++) {
            status = steps(plan.every, -1);
            if (status == FINISHED) record();
        }
        if (status == FINISHED && !all_finite()) status = NON_FINITE;
        flush_rows();
        flush_spikes();
        frame(END, status);
        const int64_t bytes = saved_bytes();
        put(&bytes, sizeof bytes);
        save();
        if (std::fflush(stdout) != 0) std::_Exit(4);
    }
};

}  // namespace snn

#endif
