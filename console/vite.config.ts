import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// `npm run dev` serves the console with a running server behind it; STEPWELL_URL says where that is.
const server = process.env.STEPWELL_URL ?? 'http://127.0.0.1:4566';

export default defineConfig({
  base: '/_stepwell/console/',
  plugins: [react()],
  build: {
    target: 'es2022',
    // dist/.gitignore keeps the folder in the repository; compress.mjs removes what is old.
    emptyOutDir: false,
    modulePreload: { polyfill: false },
    // Images as files: the page's policy is simpler to read, and to keep.
    assetsInlineLimit: 0,
    // What others wrote and is in the bundle, with their licences.
    license: { fileName: 'licenses.md' },
  },
  server: { proxy: { '^/(?!_stepwell/console/)': { target: server, changeOrigin: true } } },
});
