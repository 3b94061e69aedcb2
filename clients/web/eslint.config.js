import js from "@eslint/js";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  { ignores: ["node_modules/"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ["eslint.config.js", "tools/stamp.js"] } },
      globals: { Buffer: "readonly", URL: "readonly" },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/explicit-module-boundary-types": "error",
      // An empty text means the same as none here: what the contract leaves out is empty.
      "@typescript-eslint/prefer-nullish-coalescing": ["error", { ignorePrimitives: { string: true, number: true } }],
      // Choices of the reader are numbers of enums; a signal is also read through its interface.
      "@typescript-eslint/no-unsafe-enum-assignment": "off",
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      eqeqeq: "error",
      "max-lines": ["error", 400],
      "max-lines-per-function": ["error", { max: 60 }],
      "no-console": "error",
    },
  },
  {
    files: ["**/*.js"],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: {
      parserOptions: { projectService: false, project: false },
      globals: {
        Buffer: "readonly",
        URL: "readonly",
        process: "readonly",
        window: "readonly",
        document: "readonly",
        location: "readonly",
        localStorage: "readonly",
        sessionStorage: "readonly",
        history: "readonly",
        performance: "readonly",
        dispatchEvent: "readonly",
        getComputedStyle: "readonly",
        requestAnimationFrame: "readonly",
        MessageChannel: "readonly",
        PerformanceObserver: "readonly",
        PopStateEvent: "readonly",
      },
    },
    rules: {
      ...tseslint.configs.disableTypeChecked.rules,
      "@typescript-eslint/explicit-module-boundary-types": "off",
      "max-lines-per-function": "off",
    },
  },
  {
    files: ["src/text/**"],
    rules: { "max-lines": "off", "@typescript-eslint/explicit-module-boundary-types": "off" },
  },
  {
    files: ["test/**"],
    rules: {
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-empty-function": "off",
      "max-lines-per-function": "off",
    },
  },
);
