// What a pixel of a page shows; page.html puts the constants of a fit before it.

precision highp float;
precision highp int;
precision highp sampler2D;
uniform sampler2D weights, rows, columns, base;
uniform vec3 view;       // left and top of the canvas, and the side of one of its pixels, in samples
uniform float height;    // of the canvas, in pixels
out vec4 colour;

vec4 weight(int i) { return texelFetch(weights, ivec2(i & 2047, i >> 11), 0); }

#ifdef RELU
vec4 activation(vec4 z) { return max(z, 0.0); }
#else
// Whole turns are taken away in two steps, since the sine of a graphics card may be good near 0 only.
vec4 activation(vec4 z) {
  vec4 turns = round(z * 0.15915494309);
  return sin((z - turns * 6.28125) - turns * 0.00193530717959);
}
#endif

vec4 network(int number, vec2 x) {
  vec4 a[BLOCKS], b[BLOCKS];
  int at = number * STRIDE;
  for (int o = 0; o < BLOCKS; o++) {
    int j = at + BLOCKS + 2 * o;
    a[o] = activation(weight(at + o) + weight(j) * x.x + weight(j + 1) * x.y);
  }
  at += 3 * BLOCKS;
  for (int layer = 0; layer < LAYERS; layer++) {
    int j = at + BLOCKS;
    for (int o = 0; o < BLOCKS; o++) {
      vec4 z = weight(at + o);
      for (int i = 0; i < BLOCKS; i++, j += 4)
        z += weight(j) * a[i].x + weight(j + 1) * a[i].y + weight(j + 2) * a[i].z + weight(j + 3) * a[i].w;
      b[o] = activation(z);
    }
    for (int o = 0; o < BLOCKS; o++) a[o] = b[o];
    at = j;
  }
  vec4 z = weight(at++);
  for (int i = 0; i < BLOCKS; i++, at += 4)
    z += weight(at) * a[i].x + weight(at + 1) * a[i].y + weight(at + 2) * a[i].z + weight(at + 3) * a[i].w;
  return z;
}

#ifdef TILES
float ramp(float distance, float slope, float from) {
  float s = sin(1.57079632679 * clamp(slope * distance + from, 0.0, 1.0));
  return s * s;
}

// Three texels describe a window: low, high, start, end; up, up_from, down, down_from; its number and 2 / its length.
float share(sampler2D axis, int i, float p) {
  vec4 where = texelFetch(axis, ivec2(0, i), 0), slopes = texelFetch(axis, ivec2(1, i), 0);
  if (p < where.x || p > where.y) return 0.0;
  return ramp(p - where.z, slopes.x, slopes.y) * ramp(where.w - p, slopes.z, slopes.w);
}

vec4 values(vec2 x) {
  vec2 p = (x + 1.0) * GRID * 0.5;
  vec4 sum = vec4(0.0);
  float total = 0.0;
  for (int r = 0; r < ROWS; r++) {
    float across = share(rows, r, p.y);
    if (across == 0.0) continue;
    for (int c = 0; c < COLUMNS; c++) {
      float both = across * share(columns, c, p.x);
      if (both == 0.0) continue;
      vec4 down = texelFetch(rows, ivec2(2, r), 0), right = texelFetch(columns, ivec2(2, c), 0);
      vec2 start = vec2(texelFetch(columns, ivec2(0, c), 0).z, texelFetch(rows, ivec2(0, r), 0).z);
      vec2 local = (p - start) * vec2(right.y, down.y) - 1.0;
      sum += both * network(int(down.x) * ACROSS + int(right.x), local);
      total += both;
    }
  }
  return sum / total;
}
#else
vec4 values(vec2 x) { return network(0, x); }
#endif

#ifdef BASE
vec4 keys(float t) {  // the weights of the four samples around a place that lies t after the second one
  vec4 near = vec4(1.0 + t, t, 1.0 - t, 2.0 - t);
  vec4 inner = (1.5 * near - 2.5) * near * near + 1.0;
  vec4 outer = ((-0.5 * near + 2.5) * near - 4.0) * near + 2.0;
  return vec4(outer.x, inner.y, inner.z, outer.w);
}

int around(int i, int n, bool wraps) {
  if (wraps) return (i % n + n) % n;
  i = (i % (2 * n) + 2 * n) % (2 * n);
  return min(i, 2 * n - 1 - i);
}

vec4 interpolated(vec2 x) {
  ivec2 n = textureSize(base, 0);
  vec2 q = (x + 1.0) * vec2(n) * 0.5 - 0.5, first = floor(q);
  vec4 across = keys(q.x - first.x), down = keys(q.y - first.y), sum = vec4(0.0);
  for (int r = 0; r < 4; r++)
    for (int c = 0; c < 4; c++) {
      ivec2 at = ivec2(around(int(first.x) + c - 1, n.x, WRAPS.x), around(int(first.y) + r - 1, n.y, WRAPS.y));
      sum += down[r] * across[c] * texelFetch(base, at, 0);
    }
  return sum;
}
#endif

void main() {
  const vec4 behind = vec4(0.125, 0.141, 0.173, 1.0);
  vec2 p = view.xy + vec2(gl_FragCoord.x, height - gl_FragCoord.y) * view.z;
  if (WRAPS.x) p.x -= SIZE.x * floor(p.x / SIZE.x);
  if (WRAPS.y) p.y -= SIZE.y * floor(p.y / SIZE.y);
  if (any(lessThan(p, vec2(0.0))) || any(greaterThan(p, SIZE))) { colour = behind; return; }
  vec2 x = p * SLOPE + BEGIN;
  vec4 v = values(x);
#ifdef BASE
  v += interpolated(x);
#endif
  v = clamp(LOW + (v + 1.0) * 0.5 * (HIGH - LOW), 0.0, 1.0);
#if CHANNELS == 1
  colour = vec4(v.xxx, 1.0);
#elif CHANNELS == 2
  colour = vec4(mix(behind.rgb, v.xxx, v.y), 1.0);
#elif CHANNELS == 3
  colour = vec4(v.xyz, 1.0);
#else
  colour = vec4(mix(behind.rgb, v.xyz, v.w), 1.0);
#endif
}
