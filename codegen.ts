import type { CodegenConfig } from '@graphql-codegen/cli';
import { printSchema } from 'graphql';
import { schema } from './src/graphql/schema.ts';

/** Writes what the schema in the code says: its printed form for readers and clients, and typed operations for the tests. */
const config: CodegenConfig = {
  // As text: the generator has its own copy of `graphql`, which does not know objects of ours.
  schema: printSchema(schema),
  documents: ['test/graphql/operations.graphql'],
  emitLegacyCommonJSImports: false,
  importExtension: '.ts',
  generates: {
    'schema/schema.graphql': { plugins: ['schema-ast'] },
    'test/support/gql/': {
      preset: 'client',
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: 'string',
        useTypeImports: true,
        enumType: 'string-literal',
        immutableTypes: true,
        defaultScalarType: 'unknown',
        scalars: { Date: 'string', DateTime: 'string', JSON: 'unknown', SafeInt: 'number' },
        strictScalars: true,
      },
    },
  },
};

export default config;
