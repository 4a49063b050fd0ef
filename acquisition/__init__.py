"""From a source of EEG to windows on stimulus markers, journalled, accounted for and dispatched."""
