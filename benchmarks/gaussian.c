/* The literal one-dimensional loop as fast as this processor can: xoshiro256+ lanes, Box and Muller's transform
   with polynomial logarithm, sine and cosine, all in loops for the vectoriser. Built with -Ofast -march=native,
   so that multiply-adds are fused and sums reordered: the limit, not a reproducible result.

   Polynomials: least relative error of their degree (Remez). See theorycheck/kernels/normals.py. */

#include <math.h>
#include <stdint.h>
#include <string.h>

#define LANES 64
#define BATCH 512
#define PAIRS (BATCH / 2)

static inline double as_double(uint64_t bits) { double x; memcpy(&x, &bits, 8); return x; }
static inline uint64_t as_bits(double x) { uint64_t bits; memcpy(&bits, &x, 8); return bits; }

static uint64_t splitmix(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void fill_words(uint64_t states[4][LANES], uint64_t *restrict words) {
    for (int first = 0; first < BATCH; first += LANES)
        for (int lane = 0; lane < LANES; lane++) {
            uint64_t a = states[0][lane], b = states[1][lane], c = states[2][lane], d = states[3][lane];
            words[first + lane] = a + d;
            c ^= a;
            d ^= b;
            states[0][lane] = a ^ d;
            states[1][lane] = b ^ c;
            states[2][lane] = c ^ (b << 17);
            states[3][lane] = (d << 45) | (d >> 19);
        }
}

static void box_muller(const uint64_t *restrict words, double *restrict cosines, double *restrict sines) {
    for (int i = 0; i < PAIRS; i++) {
        double u = 2.0 - as_double((words[i] >> 12) | 0x3FF0000000000000u);
        uint64_t shifted = as_bits(u) - 0x3BE6A09E667F3BCDu;
        double power = as_double((shifted >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 64);
        double m = as_double((shifted & 0x000FFFFFFFFFFFFFu) + 0x3FE6A09E667F3BCDu);
        double s = (m - 1) / (m + 1), w = s * s, w2 = w * w;
        double log_m = s * (2 + w * ((0.6666666666658748 + w * 0.40000000052141255)
            + w2 * ((0.2857141715059521 + w * 0.2222337025998325)
            + w2 * (0.18123686725369276 + w * 0.1681931253714186))));
        double radius = sqrt(-2 * (0.6931471805599453 * power + log_m));
        double x = as_double((words[PAIRS + i] >> 12) | 0x3FF0000000000000u) - 1.5, y = x * x, y2 = y * y;
        double sine = x * (1.5707963267948966 + y * ((-0.6459640975062293 + y * 0.07969262624534669)
            + y2 * ((-0.004681754120471553 + y * 0.00016044105909599965)
            + y2 * (-3.598317008855208e-06 + y * 5.590350054416782e-08))));
        double cosine = 1 + y * ((-1.2337005501361553 + y * 0.2536695078999593)
            + y2 * ((-0.020863480735866375 + y * 0.0009192599541408554)
            + y2 * (-2.5200143037841082e-05 + y * 4.655337001621619e-07)));
        double twice = 2 * sine * cosine;
        cosines[i] = radius * (1 - 2 * twice * twice);
        sines[i] = radius * (2 * twice * (1 - 2 * sine * sine));
    }
}

/* As theorycheck.kernels.gaussian.literal, from a seed, with the unbiased variance. */
void literal(uint64_t seed, long samples, long steps, long paths, double *mean, double *log_scale, double *length) {
    uint64_t states[4][LANES], words[BATCH];
    double batch[BATCH];
    int left = 0;
    for (int i = 0; i < 4; i++)
        for (int lane = 0; lane < LANES; lane++) states[i][lane] = splitmix(&seed);
    for (long path = 0; path < paths; path++) {
        double centre = 0, log_sigma = 0, travelled = 0;
        for (long step = 0; step < steps; step++) {
            double sum = 0, squares = 0, sigma = exp(log_sigma);
            for (long done = 0; done < samples;) {
                if (left == 0) {
                    fill_words(states, words);
                    box_muller(words, batch, batch + PAIRS);
                    left = BATCH;
                }
                long take = samples - done < left ? samples - done : left;
                const double *z = batch + BATCH - left;
                /* The normals' mean is near 0, so that one pass over them loses next to nothing. */
                for (long i = 0; i < take; i++) {
                    sum += z[i];
                    squares += z[i] * z[i];
                }
                done += take;
                left -= take;
            }
            double average = sum / samples;
            centre += sigma * average;
            travelled += sigma * fabs(average);
            log_sigma += 0.5 * log((squares - samples * average * average) / (samples - 1));
        }
        mean[path] = centre;
        log_scale[path] = log_sigma;
        length[path] = travelled;
    }
}
