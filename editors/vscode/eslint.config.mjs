// @ts-check
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['out/', 'wheel/', 'node_modules/'] },
  js.configs.recommended,
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // A number in a message is a number in a message.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowNullish: true },
      ],
      // An index signature says what a mapped type of strings would, in fewer words.
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      'max-lines': ['error', { max: 250, skipComments: true, skipBlankLines: true }],
      complexity: ['error', 12],
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/settings.ts'],
    // An interface has no index signature of its own, and could not be sent as JSON without a cast.
    rules: { '@typescript-eslint/consistent-type-definitions': 'off' },
  },
  {
    files: ['test/**/*.ts'],
    // node:test runs what it is given; its promises are its own.
    rules: { '@typescript-eslint/no-floating-promises': 'off' },
  },
  {
    files: ['scripts/*.mjs', '*.mjs'],
    languageOptions: { globals: { process: 'readonly', URL: 'readonly', console: 'readonly' } },
  },
);
