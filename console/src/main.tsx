import { createRoot } from 'react-dom/client';

import { listen } from './api/changes';
import { App } from './App';
import './styles.css';

listen();
createRoot(document.getElementById('root')!).render(<App />);
